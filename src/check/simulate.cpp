// SPDX-License-Identifier: Apache-2.0
#include "check/simulate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "check/trap.hpp"
#include "explorer/shrink.hpp"
#include "explorer/simulate.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

using kernel::Machine;
using kernel::State;

Steps run_again(const Machine& machine, const std::vector<kernel::Action>& run) {
  auto steps = explorer::run_actions(machine, machine.initial(), run);
  UNZAP_ASSERT(steps, "a run of {} steps does not run again", run.size());
  return std::move(*steps);
}

/// The run, and from where it is doomed the shortest way into a trap.
Steps into_trap(const Machine& machine, const std::vector<kernel::Action>& run) {
  Steps steps = run_again(machine, run);
  const explorer::From<Machine> from(machine, steps.empty() ? machine.initial() : steps.back().state);
  const auto found = explorer::explore(from);
  const explorer::Analysis analysis = explorer::analyse(found.graph);
  UNZAP_ASSERT(!analysis.traps.empty(), "a doomed run of {} steps leads into no trap", run.size());
  const auto path = explorer::path_to(found.graph, analysis.traps.front().states.front());
  const Steps rest = explorer::Follower(from, found).from_start(path).steps;
  steps.insert(steps.end(), rest.begin(), rest.end());
  return steps;
}

}  // namespace

Share share_of(std::size_t count, std::size_t runs) {
  Share out{count, 0, 0, 1};
  if (runs == 0) return out;
  constexpr double z = 1.959963984540054;  // 97.5 % of the normal distribution
  const auto n = static_cast<double>(runs);
  const double p = static_cast<double>(count) / n;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  out.share = p;
  out.low = count == 0 ? 0 : std::max(0.0, middle - half);
  out.high = count == runs ? 1 : std::min(1.0, middle + half);
  return out;
}

int exit_code(const SimulateReport& report) {
  if (report.broken > 0) return exit_code(CheckVerdict::broken);
  if (report.lockup.count > 0) return exit_code(CheckVerdict::lockup);
  return exit_code(report.busy.count > 0 ? CheckVerdict::busy_wait : CheckVerdict::inconclusive);
}

SimulateReport simulate(const SimulateRequest& request, const std::function<bool(std::size_t)>& watch) {
  const auto start = std::chrono::steady_clock::now();
  const CheckRequest& model = request.model;
  const Machine machine = machine_of(model);
  const auto found = explorer::simulate(machine, request.runs, request.seed,
                                        {request.max_steps, request.look_states, model.limits.invariants},
                                        model.workers, watch);
  SimulateReport out;
  out.runs = found.runs;
  out.asked = request.runs;
  out.seed = request.seed;
  out.max_steps = request.max_steps;
  out.steps = found.steps;
  out.lockup = share_of(found.doomed, found.runs);
  out.busy = share_of(found.busy, found.runs);
  out.ended = share_of(found.goals, found.runs);
  out.undecided = share_of(found.undecided, found.runs);
  out.hit.asked = model;
  out.hit.asked.workers = 1;  // who looks into the trap
  out.hit.asked.compact = out.hit.asked.symmetry = out.hit.asked.partial_order = false;
  out.broken = found.broken;
  if (found.broken > 0) {
    out.shortest_run = found.shortest_run;
    out.shortest_steps = found.shortest.actions.size();
    out.hit.verdict = CheckVerdict::broken;
    out.hit.counterexample = broken_way(machine, run_again(machine, found.shortest.actions));
  } else if (found.doomed > 0) {
    out.shortest_run = found.shortest_run;
    out.shortest_steps = found.shortest.actions.size();
    out.hit.verdict = CheckVerdict::lockup;
    out.hit.counterexample = lockup_of(machine, into_trap(machine, found.shortest.actions));
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace unzap
