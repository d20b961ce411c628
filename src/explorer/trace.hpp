// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "explorer/explore.hpp"
#include "explorer/reductions.hpp"

namespace unzap::explorer {

/// One step of a counterexample: the action, and the state it leads to.
template <Model M>
struct TraceStep {
  typename M::Action action;
  Label label;
  typename M::State state;  ///< after the step
};

/// A walk through the bare model, from a state of its own.
template <Model M>
struct Walk {
  typename M::State from;
  std::vector<TraceStep<M>> steps;

  const typename M::State& end() const { return steps.empty() ? from : steps.back().state; }
};

/// Follows a search that may have been reduced (`model`: the bare one, or one in wrappers) with the bare
/// model: states under their own names, and all lone moves shown.
template <class M>
class Follower {
 public:
  using State = typename M::State;
  using Bare = std::remove_cvref_t<decltype(bare(std::declval<const M&>()))>;
  using Steps = std::vector<TraceStep<Bare>>;

  Follower(const M& model, const Exploration<M>& exploration) : model_(model), exploration_(exploration) {}

  /// From where the model begins along `ids`, a path from state 0. `starts[i]`, if asked for, is
  /// the number of steps before ids[i] is reached.
  Walk<Bare> from_start(const std::vector<StateId>& ids, std::vector<std::size_t>* starts = nullptr) const {
    Walk<Bare> walk{start_of(model_), {}};
    settled(model_, walk.from, keep_in(walk.steps));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) {
        const bool found = step(walk.end(), ids[i], k_no_actor, walk.steps);
        UNZAP_ASSERT(found, "state {} does not lead to state {} when the model is asked again", ids[i - 1],
                     ids[i]);
      }
      if (starts) starts->push_back(walk.steps.size());
    }
    return walk;
  }
  /// From `from`, which stands for ids[0], along `ids` by busy moves of `actor` (k_no_actor: by any). Empty
  /// when there is no such way.
  Steps along(const State& from, const std::vector<StateId>& ids, std::uint8_t actor) const {
    Steps steps;
    for (std::size_t i = 1; i < ids.size(); ++i)
      if (!step(steps.empty() ? from : steps.back().state, ids[i], actor, steps)) return {};
    return steps;
  }

 private:
  static auto keep_in(Steps& steps) {
    return [&steps](const typename M::Action& action, const State& state, Label label) {
      steps.push_back({action, label, state});
    };
  }

  /// Appends the move that leads from `from` to a state for which `to` stands, and the lone moves after it.
  bool step(const State& from, StateId to, std::uint8_t actor, Steps& steps) const {
    bool found = false;
    const State before = from;  // `from` may lie in `steps`
    bare(model_).for_each_successor(
        before, [&](const typename M::Action& action, const State& next, Label label) {
          if (found || (actor != k_no_actor && (label.actor != actor || !label.busy))) return;
          const auto ignore = [](const typename M::Action&, const State&, Label) {};
          if (!exploration_.store.is(to, representative(model_, settled(model_, next, ignore)))) return;
          found = true;
          steps.push_back({action, label, next});
          settled(model_, next, keep_in(steps));
        });
    return found;
  }

  const M& model_;
  const Exploration<M>& exploration_;
};

/// A way to a cycle, and once round it, all under their own names.
template <Model M>
struct Lasso {
  Walk<M> stem;
  std::vector<TraceStep<M>> loop;
};

/// The lasso of a busy wait. Under other names one round of the cycle may lead to a state that is merely like
/// its beginning; the actor then goes round until a state comes again.
template <class M>
Lasso<typename Follower<M>::Bare> busy_lasso(const M& model, const Exploration<M>& exploration,
                                             const BusyWait& wait) {
  const Follower<M> follower(model, exploration);
  Lasso<typename Follower<M>::Bare> lasso{follower.from_start(path_to(exploration.graph, wait.cycle.front())),
                                          {}};
  std::vector<StateId> round = wait.cycle;
  round.push_back(wait.cycle.front());
  for (std::uint8_t actor = 0; actor < k_no_actor; ++actor) {
    std::vector<typename M::State> heads{lasso.stem.end()};
    std::vector<typename Follower<M>::Steps> rounds;
    for (;;) {
      typename Follower<M>::Steps steps = follower.along(heads.back(), round, actor);
      if (steps.empty()) break;
      const typename M::State head = steps.back().state;
      rounds.push_back(std::move(steps));
      const auto seen = std::find_if(heads.begin(), heads.end(), [&](const typename M::State& s) {
        return std::memcmp(&s, &head, sizeof(s)) == 0;
      });
      if (seen == heads.end()) {
        heads.push_back(head);
        continue;
      }
      const auto first = static_cast<std::size_t>(seen - heads.begin());
      for (std::size_t i = 0; i < rounds.size(); ++i) {
        auto& into = i < first ? lasso.stem.steps : lasso.loop;
        into.insert(into.end(), rounds[i].begin(), rounds[i].end());
      }
      return lasso;
    }
  }
  UNZAP_ASSERT(false, "a busy wait that the bare model does not have");
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
