// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "explorer/simulate.hpp"
#include "explorer/test_models.hpp"
#include "explorer/trace.hpp"

namespace unzap::explorer {
namespace {

/// A graph of which some nodes break an invariant.
struct Fragile : Toy {
  std::vector<std::uint32_t> broken;

  std::string_view violated(const State& s) const {
    return std::find(broken.begin(), broken.end(), s.node) != broken.end() ? "unbroken" : "";
  }
};
static_assert(Guarded<Fragile> && !Guarded<Toy>);

/// A large graph in which a few states, far from the start, break an invariant.
struct FragileGraph : RandomGraph {
  std::string_view violated(const State& s) const { return draw(s.node, 1003) % 701 == 0 ? "rare" : ""; }
};

/// A counter that counts to 9 by lone moves once the first move is made, and must not be 5.
struct Counter {
  struct State {
    std::uint32_t n;
  };
  struct Action {
    std::uint32_t from = 0;
    bool operator==(const Action&) const = default;
  };
  State initial() const { return {0}; }
  bool is_goal(const State& s) const { return s.n == 9; }
  std::uint32_t witnesses(const State&) const { return 0; }
  std::string_view violated(const State& s) const { return s.n == 5 ? "not-five" : ""; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    if (s.n < 9) emit(Action{s.n}, State{s.n + 1}, Label{0, true});
  }
  template <class Emit>
  bool emit_lone(const State& s, const Emit& emit) const {
    if (s.n == 0 || s.n == 9) return false;
    emit(Action{s.n}, State{s.n + 1}, Label{0, true});
    return true;
  }
};
static_assert(PartlyOrdered<Counter> && Guarded<PartialOrder<Counter>>);

constexpr Limits k_ask{.invariants = true};

TEST(Invariants, TheSearchStopsAtTheNearestStateThatBreaksOne) {
  const Fragile model{{{{0, 1}, {0, 2}, {1, 3}, {2, 4}, {4, 5}, {3, 6}}, {5}}, {4, 6}};
  const auto found = explore(model, k_ask);
  EXPECT_EQ(found.stop, Stop::broken);
  EXPECT_FALSE(found.graph.complete());
  ASSERT_NE(found.broken, k_no_state);
  EXPECT_EQ(found.store[found.broken].node, 4U);
  EXPECT_EQ(violated(model, found.store[found.broken]), "unbroken");
  const auto walk = Follower(model, found).from_start(path_to(found.graph, found.broken));
  ASSERT_EQ(walk.steps.size(), 2U);
  EXPECT_EQ(walk.end().node, 4U);
}

TEST(Invariants, WithoutAnyBrokenStateTheSearchIsWhatItWas) {
  const Fragile model{{{{0, 1}, {1, 2}}, {2}}, {7}};
  const auto found = explore(model, k_ask);
  EXPECT_EQ(found.stop, Stop::complete);
  EXPECT_EQ(found.broken, k_no_state);
  EXPECT_EQ(found.graph.size(), 3U);
}

TEST(Invariants, NobodyIsAskedUnlessTheLimitsSaySo) {
  const Fragile model{{{{0, 1}, {1, 2}}, {2}}, {1}};
  const auto found = explore(model);
  EXPECT_EQ(found.stop, Stop::complete);
  EXPECT_EQ(found.broken, k_no_state);
}

TEST(Invariants, TheInitialStateIsAskedToo) {
  const Fragile model{{{{0, 1}}, {1}}, {0}};
  const auto found = explore(model, k_ask);
  EXPECT_EQ(found.stop, Stop::broken);
  EXPECT_EQ(found.broken, 0U);
  EXPECT_EQ(found.graph.size(), 1U);
}

TEST(Invariants, AModelWithoutInvariantsBreaksNone) {
  EXPECT_EQ(violated(Toy{}, Toy::State{0}), "");
  EXPECT_EQ(explore(Toy{{{0, 1}}, {1}}, k_ask).stop, Stop::complete);
}

TEST(Invariants, TheBrokenStateIsTheSameWhateverTheWorkersAndTheStore) {
  std::size_t broke = 0;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    const FragileGraph model{{.seed = seed, .nodes = 100'000, .degree = 4}};
    const auto one = explore(model, k_ask);
    broke += one.stop == Stop::broken;
    for (const unsigned workers : {2U, 4U}) {
      const auto many = explore(model, k_ask, {}, workers);
      expect_same(one, many);
      EXPECT_EQ(one.broken, many.broken) << "seed " << seed << ", " << workers << " workers";
    }
    const auto prints = explore(model, k_ask, {}, 2, {Keep::fingerprints, true});
    EXPECT_EQ(one.broken, prints.broken) << "seed " << seed;
  }
  EXPECT_GT(broke, 4U) << "else the test compares little";
}

TEST(Invariants, AStateBetweenLoneMovesIsSeen) {
  const Counter counter;
  EXPECT_EQ(explore(PartialOrder(counter)).graph.size(), 2U) << "0 and 9";
  const PartialOrder model(counter, true);
  const auto found = explore(model, k_ask);
  ASSERT_EQ(found.stop, Stop::broken);
  const auto walk = Follower(model, found).from_start(path_to(found.graph, found.broken));
  EXPECT_EQ(walk.end().n, 5U);
  EXPECT_EQ(walk.steps.size(), 5U) << "the lone moves are shown";
}

TEST(Invariants, ARandomWalkEndsWhereOneIsBroken) {
  const Fragile model{{{{0, 1}, {0, 2}, {2, 3}, {3, 4}}, {1}}, {3}};
  const auto asked = simulate(model, 200, 1, {.invariants = true});
  EXPECT_GT(asked.broken, 50U);
  EXPECT_EQ(asked.broken + asked.goals, 200U);
  EXPECT_EQ(asked.doomed, 0U) << "a walk counts once";
  EXPECT_EQ(asked.shortest.end, WalkEnd::broken);
  EXPECT_EQ(asked.shortest.actions.size(), 2U);
  const auto not_asked = simulate(model, 200, 1, {});
  EXPECT_EQ(not_asked.broken, 0U);
  EXPECT_EQ(not_asked.doomed, asked.broken);
}

}  // namespace
}  // namespace unzap::explorer
