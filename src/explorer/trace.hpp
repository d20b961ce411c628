// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <optional>
#include <unordered_map>
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

/// Hands out the states of an exploration. Where only fingerprints were kept, a state is found again by
/// running the model along the path to it.
template <Model M>
class States {
 public:
  using State = typename M::State;

  States(const M& model, const Exploration<M>& exploration) : model_(model), exploration_(exploration) {}

  State operator[](StateId id) {
    if (exploration_.store.keep() == Keep::states) return exploration_.store[id];
    std::vector<StateId> way;  // back to a state that is known
    for (; id != 0 && known_.find(id) == known_.end(); id = exploration_.graph.parent[id]) way.push_back(id);
    State at = id == 0 ? model_.initial() : known_.at(id);
    for (auto next = way.rbegin(); next != way.rend(); ++next) known_.emplace(*next, at = step(at, *next));
    return at;
  }

 private:
  State step(const State& from, StateId to) const {
    State found{};
    bool is_found = false;
    model_.for_each_successor(from, [&](const typename M::Action&, const State& next, Label) {
      if (is_found || !exploration_.store.is(to, next)) return;
      is_found = true;
      found = next;
    });
    UNZAP_ASSERT(is_found, "state {} is not found again when the model is asked again", to);
    return found;
  }

  const M& model_;
  const Exploration<M>& exploration_;
  std::unordered_map<StateId, State> known_;
};

/// The steps that lead along `ids` (consecutive states of the exploration); one fewer than ids.
template <Model M>
std::vector<TraceStep<M>> steps_along(const M& model, const Exploration<M>& exploration,
                                      const std::vector<StateId>& ids) {
  std::vector<TraceStep<M>> steps;
  if (ids.empty()) return steps;
  typename M::State at = States<M>(model, exploration)[ids[0]];
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    bool found = false;
    const typename M::State from = at;
    model.for_each_successor(
        from, [&](const typename M::Action& action, const typename M::State& next, Label label) {
          if (found || !exploration.store.is(ids[i + 1], next)) return;
          found = true;
          at = next;
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
