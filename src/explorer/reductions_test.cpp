// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

#include "explorer/trace.hpp"

namespace unzap::explorer {
namespace {

/// Four like processes. Each does something on its own (start, ready), may then spin, takes a lock without
/// looking (want, have), and ends. With `clash` two who have it block everybody.
struct Like {
  static constexpr std::size_t k_n = 4;
  enum Pc : std::uint8_t { start, ready, want, spinning, have, done };
  struct State {
    std::array<Pc, k_n> pc;
  };
  struct Action {
    std::uint8_t process = 0;
    Pc to = start;
    bool operator==(const Action&) const = default;
  };
  struct Renaming {
    std::array<std::uint8_t, k_n> to;
    std::uint8_t operator()(std::uint8_t no) const { return to[no]; }
  };

  bool clash = false, spins = false;

  State initial() const { return {}; }
  bool is_goal(const State& s) const {
    return std::all_of(s.pc.begin(), s.pc.end(), [](Pc pc) { return pc == done; });
  }
  std::uint32_t witnesses(const State& s) const { return std::count(s.pc.begin(), s.pc.end(), have) > 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    if (clash && std::count(s.pc.begin(), s.pc.end(), have) > 1) return;
    for (std::uint8_t i = 0; i < k_n; ++i) {
      const auto go = [&](Pc to, bool busy) {
        State next = s;
        next.pc[i] = to;
        emit(Action{i, to}, next, Label{i, busy});
      };
      switch (s.pc[i]) {
        case start: go(ready, true); break;
        case ready: go(want, true); break;
        case want:
          if (spins) go(spinning, true);
          go(have, true);
          break;
        case spinning: go(want, true); break;
        case have: go(done, false); break;
        case done: break;
      }
    }
  }
  template <class Emit>
  bool emit_lone(const State& s, const Emit& emit) const {
    if (clash && std::count(s.pc.begin(), s.pc.end(), have) > 1) return false;
    for (std::uint8_t i = 0; i < k_n; ++i) {
      // With `clash` even these are hindered, once two others have the lock.
      if (s.pc[i] != start && s.pc[i] != ready) continue;
      if (clash) return false;
      State next = s;
      next.pc[i] = s.pc[i] == start ? ready : want;
      emit(Action{i, next.pc[i]}, next, Label{i, true});
      return true;
    }
    return false;
  }
  Renaming canonicalise(State& s) const {
    std::array<std::uint8_t, k_n> order{};
    std::iota(order.begin(), order.end(), std::uint8_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint8_t a, std::uint8_t b) { return s.pc[a] < s.pc[b]; });
    const State before = s;
    Renaming renaming{};
    for (std::uint8_t i = 0; i < k_n; ++i) {
      s.pc[i] = before.pc[order[i]];
      renaming.to[order[i]] = i;
    }
    return renaming;
  }
};

struct Answer {
  std::size_t states;
  bool trap, busy;
};

/// What a search says; each counterexample is followed with the bare model.
template <class M>
Answer ask(const Like& bare_model, const M& model) {
  const auto found = explore(model);
  const Analysis analysis = analyse(found.graph);
  const Follower<M> follower(model, found);
  if (!analysis.traps.empty()) {
    const auto walk = follower.from_start(path_to(found.graph, analysis.traps[0].states.front()));
    EXPECT_FALSE(replay(bare_model, bare_model.initial(), walk.steps));
    const auto rest = explore(From(bare_model, walk.end()));
    for (StateId id = 0; id < rest.graph.size(); ++id)
      EXPECT_FALSE(rest.graph.goal[id]) << "no trap after all";
  }
  for (const BusyWait& wait : analysis.busy_waits) {
    const auto lasso = busy_lasso(model, found, wait);
    EXPECT_FALSE(replay(bare_model, bare_model.initial(), lasso.stem.steps));
    EXPECT_FALSE(replay(bare_model, lasso.stem.end(), lasso.loop));
    EXPECT_GT(lasso.loop.size(), 0U);
    if (lasso.loop.empty()) continue;
    EXPECT_EQ(lasso.loop.back().state.pc, lasso.stem.end().pc) << "the loop does not close";
    for (const auto& step : lasso.loop) EXPECT_EQ(step.action.process, lasso.loop[0].action.process);
  }
  return {found.graph.size(), !analysis.traps.empty(), !analysis.busy_waits.empty()};
}

TEST(Reductions, KeepTheVerdictAndSaveStates) {
  for (const bool clash : {false, true})
    for (const bool spins : {false, true}) {
      SCOPED_TRACE(testing::Message() << "clash " << clash << ", spins " << spins);
      const Like model{clash, spins};
      const PartialOrder ordered(model);
      const Answer plain = ask(model, model), symmetric = ask(model, Symmetric(model));
      const Answer lone = ask(model, ordered), both = ask(model, Symmetric(ordered));
      EXPECT_EQ(plain.trap, clash);
      EXPECT_EQ(plain.busy, spins);
      for (const Answer& reduced : {symmetric, lone, both}) {
        EXPECT_EQ(reduced.trap, plain.trap);
        EXPECT_EQ(reduced.busy, plain.busy);
      }
      EXPECT_LT(symmetric.states * 8, plain.states);
      if (clash) continue;
      EXPECT_LT(lone.states * 3, plain.states);
      EXPECT_LT(both.states * 5, lone.states);
    }
}

TEST(Reductions, SymmetryCountsMultisets) {
  // Five places (or six), four processes: the number of multisets.
  EXPECT_EQ(explore(Symmetric(Like{false, false})).graph.size(), 70U);
  EXPECT_EQ(explore(Symmetric(Like{false, true})).graph.size(), 126U);
  EXPECT_EQ(explore(Like{false, false}).graph.size(), 625U);
}

/// Two actors change places with every move of the first: it goes on forever, each time under another name.
struct Swapping {
  struct State {
    std::uint8_t mover;
  };
  struct Action {
    std::uint8_t n = 0;
    bool operator==(const Action&) const = default;
  };
  bool swaps = true;
  State initial() const { return {0}; }
  bool is_goal(const State&) const { return true; }
  std::uint32_t witnesses(const State&) const { return 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    emit(Action{}, s, Label{0, true, swaps ? std::uint8_t{1} : std::uint8_t{2}});
    emit(Action{1}, s, Label{1, true, std::uint8_t{0}});
  }
};

TEST(Reductions, ABusyWaitIsFollowedThroughOtherNames) {
  EXPECT_EQ(busy_waits(explore(Swapping{true}).graph).size(), 1U)
      << "0 becomes 1, 1 becomes 0: it comes round";
  EXPECT_EQ(busy_waits(explore(Swapping{false}).graph).size(), 0U) << "0 becomes 2, who does not move";
}

}  // namespace
}  // namespace unzap::explorer
