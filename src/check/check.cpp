// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "check/counterexample.hpp"
#include "check/trap.hpp"
#include "check/victims.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

using explorer::StateId;
using kernel::Machine;
using kernel::State;
using Exploration = explorer::Exploration<Machine>;
using States = explorer::States<Machine>;

std::vector<State> states_of(const Machine& machine, const Exploration& found,
                             const std::vector<StateId>& ids) {
  States find(machine, found);
  std::vector<State> states;
  for (const StateId id : ids) states.push_back(find[id]);
  return states;
}

/// The way to `cycle.front()`, then once round the cycle.
void tell_cycle(const Machine& machine, const Exploration& found, const std::vector<StateId>& cycle,
                CheckReport& report) {
  const Steps stem = explorer::steps_along(machine, found, explorer::path_to(found.graph, cycle.front()));
  Steps loop;
  if (cycle.size() > 1 || report.trap_kind != "deadlock") {
    std::vector<StateId> round = cycle;
    round.push_back(cycle.front());
    loop = explorer::steps_along(machine, found, round);
  }
  tell_lasso(machine, stem, loop, report);
}

std::vector<bool> busy_actors(const Machine& machine, const Exploration& found,
                              const std::vector<StateId>& states) {
  std::vector<bool> busy(machine.config().tasks.size(), false);
  for (std::size_t no = 0; no < busy.size(); ++no)
    busy[no] = explorer::waits_busily(found.graph, static_cast<std::uint8_t>(no), states);
  return busy;
}

void tell_trap(const Machine& machine, const Exploration& found, const explorer::Analysis& analysis,
               CheckReport& report) {
  const explorer::Trap& trap = analysis.traps.front();
  report.verdict = CheckVerdict::lockup;
  report.trap_kind = trap.deadlock ? "deadlock" : "livelock";
  report.trap_states = trap.states.size();
  const std::vector<StateId> path = explorer::path_to(found.graph, trap.states.front());
  const auto doomed = std::find_if(path.begin(), path.end(), [&](StateId id) { return analysis.doomed[id]; });
  report.fatal_step = static_cast<std::size_t>(doomed - path.begin());
  const std::vector<State> states = states_of(machine, found, trap.states);
  const std::vector<bool> busy = busy_actors(machine, found, trap.states);
  report.tasks = tasks_in(machine, states, busy);
  report.containers = containers_in(machine, states, busy);
  report.picture = TrapPicture{machine.config(), states.front(), states[states.size() > 1 ? 1 : 0], busy};
  std::vector<StateId> cycle = explorer::cycle_through(found.graph, trap.states.front(), trap.states);
  if (cycle.empty()) cycle.push_back(trap.states.front());
  tell_cycle(machine, found, cycle, report);
}

void tell_busy_wait(const Machine& machine, const Exploration& found, const explorer::BusyWait& wait,
                    CheckReport& report) {
  report.verdict = CheckVerdict::busy_wait;
  std::vector<bool> busy(machine.config().tasks.size(), false);
  busy[wait.actor] = true;
  report.tasks = tasks_in(machine, states_of(machine, found, wait.cycle), busy);
  // Start where the cycle is nearest to the beginning.
  std::vector<StateId> cycle = wait.cycle;
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  tell_cycle(machine, found, cycle, report);
}

}  // namespace

std::string_view name(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return "proved";
    case CheckVerdict::lockup: return "lockup";
    case CheckVerdict::busy_wait: return "busy-wait";
    case CheckVerdict::inconclusive: return "inconclusive";
  }
  return "?";
}

int exit_code(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return 0;
    case CheckVerdict::lockup: return 13;
    case CheckVerdict::busy_wait: return 14;
    case CheckVerdict::inconclusive: return 5;
  }
  return k_exit_internal;
}

CheckReport check(const CheckRequest& request, const explorer::Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  CheckReport report;
  const Machine machine(request.scenario, request.variant, request.preempt);
  describe_request(request, machine, report);
  const Exploration found =
      explorer::explore(machine, request.limits, watch, request.workers,
                        {request.compact ? explorer::Keep::fingerprints : explorer::Keep::states, true});
  const explorer::Analysis analysis = explorer::analyse(found.graph, request.workers);
  report.figures = found.progress;
  report.stop = explorer::name(found.stop);
  report.bytes_per_state = sizeof(State);
  const auto states = static_cast<double>(found.graph.size());
  report.bytes_kept_per_state = static_cast<double>(found.progress.bytes) / states;
  report.workers = request.workers;
  report.compact = request.compact;
  if (request.compact) report.omission_odds = std::ldexp(states * states, -65);
  report.doomed_states = analysis.doomed_count;
  report.traps = analysis.traps.size();
  tell_witnesses(found.witness_counts, found.graph.complete(), report);
  if (!analysis.traps.empty()) {
    tell_trap(machine, found, analysis, report);
    shorten(machine, report);
  } else if (!analysis.busy_waits.empty()) {
    tell_busy_wait(machine, found, analysis.busy_waits.front(), report);
  } else {
    report.verdict = found.graph.complete() ? CheckVerdict::proved : CheckVerdict::inconclusive;
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace unzap
