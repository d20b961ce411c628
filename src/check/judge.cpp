// SPDX-License-Identifier: Apache-2.0
#include "check/judge.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "check/counterexample.hpp"
#include "check/trap.hpp"
#include "explorer/trace.hpp"

namespace unzap {

namespace {

/// What is known of the nearest trap, and the way there.
template <class M>
Counterexample nearest_trap(const M& model, explorer::Exploration<M>& found,
                            const explorer::Analysis& analysis) {
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
  return lockup_of(explorer::bare(model), walk.steps, is_doomed);
}

template <class M>
Counterexample busy_wait_of(const M& model, const explorer::Exploration<M>& found, explorer::BusyWait wait) {
  const kernel::Machine& machine = explorer::bare(model);
  // Start where the cycle is nearest to the beginning.
  std::rotate(wait.cycle.begin(), std::min_element(wait.cycle.begin(), wait.cycle.end()), wait.cycle.end());
  auto lasso = explorer::busy_lasso(model, found, wait);
  std::vector<bool> busy(machine.config().tasks.size(), false);
  busy[lasso.loop.front().label.actor] = true;
  std::vector<kernel::State> states{lasso.stem.end()};
  for (const auto& step : lasso.loop) states.push_back(step.state);
  states.pop_back();  // the first again
  Counterexample out;
  out.tasks = tasks_in(machine, states, busy);
  out.stem = std::move(lasso.stem.steps);
  out.loop = std::move(lasso.loop);
  replay_or_die(machine, out);
  return out;
}

/// Counts how often each fact was seen, and says when nothing of interest was.
void note_witnesses(const std::array<std::size_t, 32>& counts, bool complete, CheckReport& report) {
  report.witnesses.assign(counts.begin(), counts.begin() + kernel::k_witnesses.size());
  const std::size_t goals = counts[kernel::k_witness_goal];
  const std::size_t seen = std::accumulate(report.witnesses.begin(), report.witnesses.end(), std::size_t{0});
  report.vacuous = complete && seen == goals;
  report.never_ends = complete && goals == 0;
}

}  // namespace

template <class M>
void judge(const M& model, const CheckRequest& request, const explorer::Watch& watch, CheckReport& report) {
  auto found =
      explorer::explore(model, request.limits, watch, request.workers,
                        {request.compact ? explorer::Keep::fingerprints : explorer::Keep::states, true});
  report.figures = found.progress;
  report.stop = found.stop;
  const auto states = static_cast<double>(found.graph.size());
  report.bytes_kept_per_state = static_cast<double>(found.progress.bytes) / states;
  report.bytes_stored_per_state =
      static_cast<double>(found.progress.bytes - found.progress.edge_bytes) / states;
  if (request.compact) report.omission_odds = std::ldexp(states * states, -65);
  const bool complete = found.graph.complete();
  note_witnesses(found.witness_counts, complete, report);
  if (found.stop == explorer::Stop::broken) {
    const auto path = explorer::path_to(found.graph, found.broken);
    report.verdict = CheckVerdict::broken;
    report.counterexample =
        broken_way(explorer::bare(model), explorer::Follower<M>(model, found).from_start(path).steps);
    return;
  }
  const explorer::Analysis analysis = explorer::analyse(found.graph, request.workers);
  report.doomed_states = analysis.doomed_count;
  report.traps = analysis.traps.size();
  report.verdict = complete ? CheckVerdict::proved : CheckVerdict::inconclusive;
  if (!analysis.traps.empty()) {
    report.verdict = CheckVerdict::lockup;
    report.counterexample = nearest_trap(model, found, analysis);
  } else if (!analysis.busy_waits.empty()) {
    // Where a limit was hit, the cycle may still prove to be part of a trap.
    if (complete) report.verdict = CheckVerdict::busy_wait;
    report.counterexample = busy_wait_of(model, found, analysis.busy_waits.front());
  }
}

template void judge(const kernel::Machine&, const CheckRequest&, const explorer::Watch&, CheckReport&);
template void judge(const Ordered&, const CheckRequest&, const explorer::Watch&, CheckReport&);
template void judge(const explorer::Symmetric<kernel::Machine>&, const CheckRequest&, const explorer::Watch&,
                    CheckReport&);
template void judge(const explorer::Symmetric<Ordered>&, const CheckRequest&, const explorer::Watch&,
                    CheckReport&);

}  // namespace unzap
