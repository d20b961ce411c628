// SPDX-License-Identifier: Apache-2.0
// The model knows who is guilty; the diagnosis must find out from what a host would show. Every state of
// every trap, and every state outside, with every set of gaps.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "diagnosis/diagnose.hpp"
#include "explorer/explore.hpp"
#include "sources/model/model_source.hpp"

namespace unzap {
namespace {

using explorer::StateId;
using kernel::Ending;
using kernel::Machine;
using kernel::Preempt;
using kernel::Scenario;
using kernel::WorkerStart;

struct Row {
  const char* name;
  const char* kernel;
  Preempt preempt;
  void (*change)(Scenario&);
};

const Row k_rows[] = {
    {"npm-zombie, no preemption", "v5.15.160", Preempt::none, [](Scenario&) {}},
    {"npm-zombie, voluntary", "v5.15.160", Preempt::voluntary, [](Scenario&) {}},
    {"npm-zombie, full", "v5.15.160", Preempt::full, [](Scenario&) {}},
    {"npm-zombie, fixed", "v5.15.162", Preempt::none, [](Scenario&) {}},
    {"npm-zombie, reworked", "v6.1.192", Preempt::none, [](Scenario&) {}},
    {"the child's SQPOLL thread is last", "v5.15.160", Preempt::none,
     [](Scenario& s) { s.child_sqpoll = true; }},
    {"armed request: the leader spins", "v6.1.94", Preempt::none,
     [](Scenario& s) {
       s.workers.clear();
       s.armed_request = true;
     }},
    {"one CPU: nobody else runs", "v5.15.160", Preempt::none,
     [](Scenario& s) {
       s.workers.clear();
       s.armed_request = true;
       s.cpus = 1;
     }},
    {"three CPUs", "v6.1.94", Preempt::none,
     [](Scenario& s) {
       s.workers.clear();
       s.armed_request = true;
       s.cpus = 3;
     }},
    {"killed from outside", "v5.15.160", Preempt::none, [](Scenario& s) { s.ending = Ending::sigkill; }},
    {"a worker in a read", "v6.1.94", Preempt::none, [](Scenario& s) { s.workers = {WorkerStart::reading}; }},
    {"mounts held outside: a spin that ends", "v5.15.160", Preempt::none,
     [](Scenario& s) { s.outside_holders = 1; }},
};

const std::map<std::string, ModelGaps> k_gaps = {
    {"root", {}},
    {"root, inlined frames missing", {.inlined_frames = false}},
    {"root, no task flags", {.task_flags = false}},
    {"no root", {.stacks = false}},
    {"root, after the watchdogs", {.kernel_log = true}},
};

Scenario scenario_of(const Row& row) {
  Scenario s;
  s.name = "round-trip";
  s.init_comm = "npm start";
  s.child_comm = "npm run zombie";
  s.ring = s.child = true;
  s.workers = {WorkerStart::idle};
  s.idle_timeouts = false;
  row.change(s);
  return s;
}

/// Who moves without giving way within the trap.
std::vector<bool> spinners(const explorer::Exploration<Machine>& found, const explorer::Trap& trap) {
  std::vector<bool> out(kernel::k_max_tasks, false);
  for (const StateId id : trap.states)
    found.graph.edges.of(id, [&](const explorer::Edge& edge) {
      if (edge.label.busy) out[edge.label.actor] = true;
    });
  return out;
}

std::string shown(const Diagnosis& d) {
  std::string out = std::string(name(d.verdict));
  for (const Finding& f : d.findings)
    out += " | " + f.cause + " " + std::string(name(f.confidence)) +
           (f.culprit ? " " + std::to_string(f.culprit->tid.value_or(0)) : "");
  return out;
}

/// Counts how often each distinct answer was given, so that a failure is one line, not thousands.
using Answers = std::map<std::string, std::size_t>;

void look_at_trap(const Machine& machine, const explorer::Exploration<Machine>& found,
                  const explorer::Trap& trap, Answers& wrong, std::size_t& looked) {
  const std::vector<bool> guilty = spinners(found, trap);
  const auto spinner =
      static_cast<std::size_t>(std::find(guilty.begin(), guilty.end(), true) - guilty.begin());
  ASSERT_LT(spinner, machine.config().tasks.size());
  const std::int32_t tid = machine.config().tasks[spinner].tid;
  for (std::size_t i = 0; i < trap.states.size(); ++i) {
    const auto& first = found.store[trap.states[i]];
    const auto& last = found.store[trap.states[(i + 1) % trap.states.size()]];
    for (const auto& [gap_name, gaps] : k_gaps) {
      ++looked;
      const Diagnosis d = diagnose(draw_window(machine.config(), first, last, 2.0, guilty, gaps));
      const bool named = d.verdict == Verdict::stuck && !d.findings.empty() &&
                         d.findings[0].cause == "reaper-busy-loop" && d.findings[0].culprit &&
                         d.findings[0].culprit->tid == tid;
      if (!named) ++wrong[gap_name + ": " + shown(d)];
    }
  }
}

TEST(RoundTrip, EveryTrapNamesItsCulpritAndNothingElseIsCertain) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const Machine machine(scenario_of(row), kernel::find_kernel(row.kernel)->variant, row.preempt);
    const auto found = explorer::explore(machine);
    const explorer::Analysis analysis = explorer::analyse(found.graph);
    std::vector<bool> in_trap(found.graph.size(), false);
    Answers wrong, too_sure;
    std::size_t looked = 0;
    for (const explorer::Trap& trap : analysis.traps) {
      for (const StateId id : trap.states) in_trap[id] = true;
      look_at_trap(machine, found, trap, wrong, looked);
    }
    for (StateId id = 0; id < found.graph.size(); ++id) {
      if (in_trap[id]) continue;
      for (const auto& [gap_name, gaps] : k_gaps) {
        ++looked;
        const Diagnosis d = diagnose(draw(machine.config(), found.store[id], gaps));
        for (const Finding& f : d.findings)
          if (f.confidence == Confidence::certain) ++too_sure[gap_name + ": " + shown(d)];
      }
    }
    for (const auto& [answer, count] : wrong) ADD_FAILURE() << "in a trap, " << count << " times: " << answer;
    for (const auto& [answer, count] : too_sure)
      ADD_FAILURE() << "outside, " << count << " times: " << answer;
    EXPECT_GE(looked, found.graph.size() * k_gaps.size());
  }
}

}  // namespace
}  // namespace unzap
