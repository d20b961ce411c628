// SPDX-License-Identifier: Apache-2.0
// The one text of all judge() in judge.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "check/counterexample.hpp"
#include "check/judge.hpp"
#include "check/trap.hpp"
#include "explorer/trace.hpp"

namespace unzap {

template <class M>
void tell_trap(const M& model, explorer::Exploration<M>& found, const explorer::Analysis& analysis,
               CheckReport& report) {
  const kernel::Machine& machine = explorer::bare(model);
  const std::vector<explorer::StateId> path =
      explorer::path_to(found.graph, analysis.traps.front().states.front());
  const auto walk = explorer::Follower<M>(model, found).from_start(path);
  // A state, the lone moves after it and all that differs from it in names have the same fate.
  IsDoomed is_doomed = [&](const kernel::State& state) -> std::optional<bool> {
    const auto ignore = [](const kernel::Action&, const kernel::State&, explorer::Label) {};
    const explorer::StateId id =
        found.store.find(explorer::representative(model, explorer::settled(model, state, ignore)));
    if (id == explorer::k_no_state) return std::nullopt;
    if (analysis.doomed[id]) return true;
    // Behind a limit there may be no way out either.
    return found.graph.complete() ? std::optional(false) : std::nullopt;
  };
  if (found.store.keep() != explorer::Keep::states) is_doomed = {};
  tell_way_into_trap(machine, walk.steps, report, is_doomed);
  shorten(machine, report, is_doomed);
}

template <class M>
void tell_busy_wait(const M& model, const explorer::Exploration<M>& found, explorer::BusyWait wait,
                    CheckReport& report) {
  const kernel::Machine& machine = explorer::bare(model);
  // Where a limit was hit, the cycle may still prove to be part of a trap.
  report.verdict = found.graph.complete() ? CheckVerdict::busy_wait : CheckVerdict::inconclusive;
  // Start where the cycle is nearest to the beginning.
  std::rotate(wait.cycle.begin(), std::min_element(wait.cycle.begin(), wait.cycle.end()), wait.cycle.end());
  const auto lasso = explorer::busy_lasso(model, found, wait);
  std::vector<bool> busy(machine.config().tasks.size(), false);
  busy[lasso.loop.front().label.actor] = true;
  std::vector<kernel::State> states{lasso.stem.end()};
  for (const auto& step : lasso.loop) states.push_back(step.state);
  states.pop_back();  // the first again
  report.tasks = tasks_in(machine, states, busy);
  tell_lasso(machine, lasso.stem.steps, lasso.loop, report);
}

template <class M>
void judge_any(const M& model, const CheckRequest& request, const explorer::Watch& watch,
               CheckReport& report) {
  auto found =
      explorer::explore(model, request.limits, watch, request.workers,
                        {request.compact ? explorer::Keep::fingerprints : explorer::Keep::states, true});
  report.figures = found.progress;
  report.stop = explorer::name(found.stop);
  const auto states = static_cast<double>(found.graph.size());
  report.bytes_kept_per_state = static_cast<double>(found.progress.bytes) / states;
  report.bytes_stored_per_state =
      static_cast<double>(found.progress.bytes - found.progress.edge_bytes) / states;
  if (request.compact) report.omission_odds = std::ldexp(states * states, -65);
  tell_witnesses(found.witness_counts, found.graph.complete(), report);
  if (found.stop == explorer::Stop::broken) {
    const auto path = explorer::path_to(found.graph, found.broken);
    return tell_broken(explorer::bare(model), explorer::Follower<M>(model, found).from_start(path).steps,
                       report);
  }
  const explorer::Analysis analysis = explorer::analyse(found.graph, request.workers);
  report.doomed_states = analysis.doomed_count;
  report.traps = analysis.traps.size();
  if (!analysis.traps.empty())
    tell_trap(model, found, analysis, report);
  else if (!analysis.busy_waits.empty())
    tell_busy_wait(model, found, analysis.busy_waits.front(), report);
  else
    report.verdict = found.graph.complete() ? CheckVerdict::proved : CheckVerdict::inconclusive;
}

}  // namespace unzap
