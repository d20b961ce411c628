// SPDX-License-Identifier: Apache-2.0
//
// What can be left out of a way to a target?
//
// This is delta debugging (Zeller's ddmin) with a schedule as the input. Leaving one action out changes every
// state behind it, so no candidate can be judged from the states of the old way: each is run on the model,
// and counts when all of its actions are possible, in order, and it ends at a target. With the way
//
//     1 A takes a lock    2 B looks at it    3 A sleeps    4 B waits for the lock
//
// and the target "B waits, A sleeps", {1, 3, 4} runs and ends there, so 2 goes; {3, 4} does not, since B gets
// the lock; {1, 4} and {1, 3} do not end there. What remains is 1-minimal: no single action can go. Two that
// need each other and could go together may remain; finding those would take all subsets.
//
// It ends because each way that is taken is shorter than the one before. It is fast where it matters because
// the large cuts come first: what leads back to a state that was passed before is not needed (no run is
// needed for that, and a random walk loses most of its steps here), then all that one actor does, then runs
// of n/2, n/4, ... 2 actions, then single ones until none can go. The last pass is the proof of 1-minimality,
// and all that the passes before do is to make it short.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "explorer/model.hpp"
#include "explorer/trace.hpp"

namespace unzap::explorer {

/// Runs `actions` in order from `from`. Nothing when one of them is not possible where it is due.
template <Model M>
std::optional<std::vector<TraceStep<M>>> run_actions(const M& model, const typename M::State& from,
                                                     const std::vector<typename M::Action>& actions) {
  std::vector<TraceStep<M>> steps;
  typename M::State at = from;
  for (const auto& wanted : actions) {
    bool possible = false;
    const typename M::State before = at;
    model.for_each_successor(
        before, [&](const typename M::Action& action, const typename M::State& next, Label label) {
          if (possible || !(action == wanted)) return;
          possible = true;
          at = next;
          steps.push_back({action, label, next});
        });
    if (!possible) return std::nullopt;
  }
  return steps;
}

/// What is left of a way, and how that was found.
template <Model M>
struct Shrunk {
  std::vector<TraceStep<M>> steps;
  /// No single step can be left out: without it the rest does not run, or does not end at a target. False
  /// only when the way that was given does not run, or does not end at a target.
  bool minimal = false;
  std::size_t tried = 0;  ///< ways that were run
};

/// Takes steps out of a way as long as what remains, run again in order from `from`, still ends at a target.
///
/// A step here is an action, and a way is a sequence of actions. Leaving some out changes the states that the
/// others pass through, so each candidate is run on the model; it counts when every action of it is possible
/// where it is due and `is_target` holds for the state it ends in, which need not be the state that the
/// first way ended in. The result is 1-minimal: no single action of it can be left out. It need not be the
/// shortest way of all. A shortest way to the nearest of all targets is 1-minimal by itself; ways that come
/// from random walks, or from a search that looks at a part of the states, are not.
template <Model M, class IsTarget>
class Shrinker {
 public:
  using State = typename M::State;
  using Action = typename M::Action;
  using Actions = std::vector<Action>;

  Shrinker(const M& model, const State& from, const IsTarget& is_target)
      : model_(model), from_(from), is_target_(is_target) {}

  Shrunk<M> shrink(const Actions& way) {
    Shrunk<M> out;
    if (!accept(way)) return out;
    cut_loops();
    drop_actors();
    for (std::size_t chunk = best_.size() / 2; chunk > 1; chunk /= 2) drop_chunks(chunk);
    while (drop_chunks(1)) {
    }
    out.steps = std::move(best_);
    out.minimal = true;
    out.tried = tried_;
    return out;
  }

 private:
  Actions actions_without(std::size_t begin, std::size_t end) const {
    Actions out;
    for (std::size_t i = 0; i < best_.size(); ++i)
      if (i < begin || i >= end) out.push_back(best_[i].action);
    return out;
  }

  /// Takes `way` if it leads to a target.
  bool accept(const Actions& way) {
    ++tried_;
    auto steps = run_actions(model_, from_, way);
    if (!steps || !is_target_(steps->empty() ? from_ : steps->back().state)) return false;
    best_ = std::move(*steps);
    return true;
  }

  /// What leads back to a state that was passed before is not needed.
  void cut_loops() {
    struct Hash {
      std::size_t operator()(const State& s) const {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(&s), sizeof(s)});
      }
    };
    struct Same {
      bool operator()(const State& a, const State& b) const { return std::memcmp(&a, &b, sizeof(a)) == 0; }
    };
    std::unordered_map<State, std::size_t, Hash, Same> last{{from_, 0}};
    for (std::size_t i = 0; i < best_.size(); ++i) last[best_[i].state] = i + 1;
    std::vector<TraceStep<M>> kept;
    for (std::size_t i = last.at(from_); i < best_.size(); i = last.at(best_[i].state))
      kept.push_back(best_[i]);
    best_ = std::move(kept);
  }

  /// All that one actor does, at once.
  void drop_actors() {
    std::vector<std::uint8_t> actors;
    for (const auto& step : best_)
      if (std::find(actors.begin(), actors.end(), step.label.actor) == actors.end())
        actors.push_back(step.label.actor);
    for (const std::uint8_t actor : actors) {
      Actions rest;
      for (const auto& step : best_)
        if (step.label.actor != actor) rest.push_back(step.action);
      if (rest.size() < best_.size()) accept(rest);
    }
  }

  /// Tries each run of `chunk` steps, the last first: what comes late has fewer that depend on it. True when
  /// one could go.
  bool drop_chunks(std::size_t chunk) {
    bool dropped = false;
    for (std::size_t end = best_.size(); end > 0;) {
      const std::size_t begin = end > chunk ? end - chunk : 0;
      if (accept(actions_without(begin, end))) dropped = true;
      end = std::min(begin, best_.size());
    }
    return dropped;
  }

  const M& model_;
  const State from_;
  const IsTarget& is_target_;
  std::vector<TraceStep<M>> best_;
  std::size_t tried_ = 0;
};

template <Model M, class IsTarget>
Shrunk<M> shrink(const M& model, const typename M::State& from, const std::vector<typename M::Action>& way,
                 const IsTarget& is_target) {
  return Shrinker<M, IsTarget>(model, from, is_target).shrink(way);
}

}  // namespace unzap::explorer
