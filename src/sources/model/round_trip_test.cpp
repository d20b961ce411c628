// SPDX-License-Identifier: Apache-2.0
// The model knows who is guilty; the diagnosis must find out from what a host would show. Every state of
// every trap, and every state outside, with every set of gaps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "diagnosis/diagnose.hpp"
#include "explorer/explore.hpp"
#include "kernel/story/test_cast.hpp"
#include "sources/model/model_source.hpp"

namespace unzap {
namespace {

using explorer::StateId;
using kernel::Ending;
using kernel::Machine;
using kernel::Preempt;
using kernel::Scenario;
using kernel::State;
using kernel::Switch;
using kernel::WorkerStart;

struct Row {
  const char* name;
  const char* kernel;
  Preempt preempt;
  void (*change)(Scenario&);
  std::size_t traps;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

const Row k_rows[] = {
    {"npm-zombie, no preemption", "v5.15.160", Preempt::none, [](Scenario&) {}, 2},
    {"npm-zombie, voluntary", "v5.15.160", Preempt::voluntary, [](Scenario&) {}, 2},
    {"npm-zombie, full", "v5.15.160", Preempt::full, [](Scenario&) {}, 0},
    {"npm-zombie, fixed", "v5.15.162", Preempt::none, [](Scenario&) {}, 0},
    {"npm-zombie, reworked", "v6.1.192", Preempt::none, [](Scenario&) {}, 0},
    {"the child's SQPOLL thread is last", "v5.15.160", Preempt::none,
     [](Scenario& s) { add_sqpoll_thread(s.processes[1]); }, 4},
    {"armed request: the leader spins", "v6.1.94", Preempt::none,
     [](Scenario& s) {
       ring_of(s).workers.clear();
       ring_of(s).armed = true;
     },
     1},
    {"one CPU: nobody else runs", "v5.15.160", Preempt::none,
     [](Scenario& s) {
       ring_of(s).workers.clear();
       ring_of(s).armed = true;
       s.cpus = 1;
     },
     1},
    {"three CPUs", "v6.1.94", Preempt::none,
     [](Scenario& s) {
       ring_of(s).workers.clear();
       ring_of(s).armed = true;
       s.cpus = 3;
     },
     2},
    {"killed from outside", "v5.15.160", Preempt::none,
     [](Scenario& s) { s.processes[0].ends = Ending::sigkill; }, 2},
    {"a worker in a read", "v6.1.94", Preempt::none,
     [](Scenario& s) { ring_of(s).workers = {WorkerStart::reading}; }, 6},
    {"a healthy container next to it", "v5.15.160", Preempt::none,
     [](Scenario& s) {
       ring_of(s).workers.clear();
       ring_of(s).armed = true;
       add_containers(s, "bystander");
     },
     12},
    {"mounts held outside: a spin that ends", "v5.15.160", Preempt::none,
     [](Scenario& s) { s.containers[0].outside_holders = 1; }, 0},
};

const std::map<std::string, ModelGaps> k_gaps = {
    {"root", {}},
    {"root, inlined frames missing", {.inlined_frames = false}},
    {"root, no task flags", {.task_flags = false}},
    {"no root", {.stacks = false}},
    {"root, after the watchdogs", {.kernel_log = true}},
};

Scenario scenario_of(const Row& row) {
  Scenario s = kernel::init_and_child("npm start", "npm run zombie");
  ring_of(s).workers = {WorkerStart::idle};
  s.environment.idle_timeouts = false;
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
    out += " | " + std::string(name(f.cause)) + " " + std::string(name(f.confidence)) +
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
      const Snapshot snapshot = draw_window(machine.config(), first, last, 2.0, guilty, gaps);
      const Diagnosis d = diagnose(snapshot);
      const bool named = d.verdict == Verdict::stuck && !d.findings.empty() &&
                         d.findings[0].cause == CauseId::reaper_busy_loop && d.findings[0].culprit &&
                         d.findings[0].culprit->tid == tid;
      if (!named) ++wrong[gap_name + ": " + shown(d)];
      Snapshot fixed = snapshot;
      fixed.host.wait_fix = WaitFix{WaitFix::Kind::fix_2024, "", {}};
      const Diagnosis refuted = diagnose(fixed);
      for (const Finding& f : refuted.findings)
        if (f.cause == CauseId::reaper_busy_loop && f.confidence > Confidence::possible)
          ++wrong[gap_name + ", with the fix: " + shown(refuted)];
    }
  }
}

/// Outside a trap nothing is certain; and where everything can still end, nothing is more than possible.
void look_outside(const Machine& machine, const State& state, bool doomed, Answers& too_sure,
                  std::size_t& looked) {
  const bool fixed = machine.config().has(Switch::fix_2024) || machine.config().has(Switch::fix_2026);
  for (const auto& [gap_name, gaps] : k_gaps) {
    ++looked;
    const Snapshot snapshot = draw(machine.config(), state, gaps);
    ASSERT_TRUE(snapshot.host.wait_fix);
    EXPECT_EQ(snapshot.host.wait_fix->sleeps(), fixed);
    const Diagnosis d = diagnose(snapshot);
    const Confidence most = doomed ? Confidence::likely : Confidence::possible;
    for (const Finding& f : d.findings)
      if (f.confidence > most) ++too_sure[(doomed ? "doomed, " : "can end, ") + gap_name + ": " + shown(d)];
  }
}

class RoundTrip : public testing::TestWithParam<Row> {};

TEST_P(RoundTrip, EveryTrapNamesItsCulpritAndNothingElseIsCertain) {
  const Row& row = GetParam();
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
  for (StateId id = 0; id < found.graph.size(); ++id)
    if (!in_trap[id]) look_outside(machine, found.store[id], analysis.doomed[id], too_sure, looked);
  for (const auto& [answer, count] : wrong) ADD_FAILURE() << "in a trap, " << count << " times: " << answer;
  for (const auto& [answer, count] : too_sure) ADD_FAILURE() << count << " times: " << answer;
  EXPECT_EQ(looked, found.graph.size() * k_gaps.size()) << "every state is looked at, with every set of gaps";
  EXPECT_EQ(analysis.traps.size(), row.traps);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, RoundTrip, testing::ValuesIn(k_rows), [](const auto& instance) {
  std::string name = instance.param.name;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

}  // namespace
}  // namespace unzap
