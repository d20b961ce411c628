// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "explorer/explore.hpp"

namespace unzap::explorer {

/// One step of a counterexample: the action, and the state it leads to.
template <Model M>
struct TraceStep {
  typename M::Action action;
  Label label;
  typename M::State state;  ///< after the step
};

/// The steps that lead along `ids` (consecutive states of the exploration); one fewer than ids.
template <Model M>
std::vector<TraceStep<M>> steps_along(const M& model, const Exploration<M>& exploration,
                                      const std::vector<StateId>& ids) {
  std::vector<TraceStep<M>> steps;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    const typename M::State& wanted = exploration.store[ids[i + 1]];
    bool found = false;
    model.for_each_successor(exploration.store[ids[i]], [&](const typename M::Action& action,
                                                            const typename M::State& next, Label label) {
      if (found || std::memcmp(&next, &wanted, sizeof(wanted)) != 0) return;
      found = true;
      steps.push_back({action, label, next});
    });
    UNZAP_ASSERT(found, "state {} does not lead to state {} when the model is asked again", ids[i],
                 ids[i + 1]);
  }
  return steps;
}

/// Runs `steps` from `from` again, by their actions alone, and compares each state byte by byte.
/// Nothing: the trace holds. A number: the first step (from 0) that the model refuses or that leads
/// elsewhere.
template <Model M>
std::optional<std::size_t> replay(const M& model, const typename M::State& from,
                                  const std::vector<TraceStep<M>>& steps) {
  typename M::State at = from;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    bool fits = false;
    typename M::State reached = at;
    model.for_each_successor(at, [&](const typename M::Action& action, const typename M::State& next, Label) {
      if (fits || !(action == steps[i].action)) return;
      fits = std::memcmp(&next, &steps[i].state, sizeof(next)) == 0;
      reached = next;
    });
    if (!fits) return i;
    at = reached;
  }
  return std::nullopt;
}

}  // namespace unzap::explorer
