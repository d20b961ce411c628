// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "explorer/explore.hpp"
#include "explorer/model.hpp"
#include "explorer/reductions.hpp"

namespace unzap::explorer {

/// What can become of a state.
enum class Fate : std::uint8_t {
  open,     ///< a goal can be reached
  doomed,   ///< no schedule reaches a goal, but the state itself may be left for good
  trapped,  ///< doomed, and whatever can be reached leads back: it lies in a trap
  unknown,  ///< the limit was hit before that was known
};

constexpr std::string_view name(Fate fate) {
  switch (fate) {
    case Fate::open: return "open";
    case Fate::doomed: return "doomed";
    case Fate::trapped: return "trapped";
    case Fate::unknown: return "unknown";
  }
  return "?";
}

/// Random numbers that are the same on every machine (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// Below `bound`, which is not 0; the bias is below bound / 2^64.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// True when a walk of at most `steps` steps, drawn at random, comes upon a goal.
template <Model M>
bool stumbles_upon_goal(const M& model, typename M::State at, std::size_t steps, Random random) {
  for (std::size_t i = 0; i <= steps; ++i) {
    if (model.is_goal(at)) return true;
    std::size_t seen = 0;
    typename M::State chosen = at;
    model.for_each_successor(at, [&](const typename M::Action&, const typename M::State& next, Label) {
      if (random.below(++seen) == 0) chosen = next;
    });
    if (seen == 0) return false;
    at = chosen;
  }
  return false;
}

/// What can become of `state`, looking at no more than about `max_states` states behind it. Never guesses:
/// what it says other than `unknown` holds.
template <Model M>
Fate fate_of(const M& model, const typename M::State& state, std::size_t max_states) {
  constexpr std::size_t k_first_look = 2048, k_walks = 4, k_walk_steps = 4096;
  for (const std::size_t limit : {std::min(k_first_look, max_states), max_states}) {
    const auto found = explore(From<M>{model, state}, Limits{limit, 0, 0});
    const Graph& graph = found.graph;
    if (std::find(graph.goal.begin(), graph.goal.end(), true) != graph.goal.end()) return Fate::open;
    if (graph.complete()) {
      const Analysis analysis = analyse(graph);
      const bool one = analysis.traps.size() == 1 && analysis.traps.front().states.size() == graph.size();
      return one ? Fate::trapped : Fate::doomed;
    }
    // Goals lie far away; where most ways lead to one, walks find it sooner than a search by distance.
    for (std::uint64_t walk = 0; limit == k_first_look && walk < k_walks; ++walk)
      if (stumbles_upon_goal(model, state, k_walk_steps, Random(walk))) return Fate::open;
  }
  return Fate::unknown;
}

}  // namespace unzap::explorer
