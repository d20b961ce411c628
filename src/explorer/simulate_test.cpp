// SPDX-License-Identifier: Apache-2.0
#include "explorer/simulate.hpp"

#include <gtest/gtest.h>

#include "explorer/test_models.hpp"

namespace unzap::explorer {
namespace {

TEST(Simulate, CountsEachRunOnce) {
  // From 0 to the goal 1, into the trap {2, 3}, or to 4, where an actor goes round and leaves for the goal.
  const Toy toy{{{0, 1}, {0, 2}, {2, 3}, {3, 2}, {0, 4}, {4, 4, 7, true}, {4, 1, 8, false}}, {1}};
  const auto found = simulate(toy, 3000, 1, {});
  EXPECT_EQ(found.runs, 3000U);
  EXPECT_EQ(found.goals + found.busy + found.doomed + found.undecided, 3000U);
  EXPECT_EQ(found.undecided, 0U);
  EXPECT_NEAR(static_cast<double>(found.doomed), 1000, 120) << "each of three ways is drawn as often";
  EXPECT_NEAR(static_cast<double>(found.busy), 500, 100) << "at 4 it goes round first, every other time";
  EXPECT_FALSE(found.shortest.actions.empty());
  EXPECT_EQ(found.shortest.actions.front().edge, 1U);
}

TEST(Simulate, IsTheSameWhateverTheWorkers) {
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    const RandomGraph graph{.seed = seed, .nodes = 2000, .degree = 3};
    const auto one = simulate(graph, 500, seed, {.steps = 300, .look_states = 500}, 1);
    for (const unsigned workers : {2U, 5U}) {
      const auto many = simulate(graph, 500, seed, {.steps = 300, .look_states = 500}, workers);
      EXPECT_EQ(one.goals, many.goals);
      EXPECT_EQ(one.busy, many.busy);
      EXPECT_EQ(one.doomed, many.doomed);
      EXPECT_EQ(one.undecided, many.undecided);
      EXPECT_EQ(one.steps, many.steps);
      EXPECT_EQ(one.shortest_run, many.shortest_run);
      EXPECT_EQ(one.shortest.actions, many.shortest.actions);
    }
    EXPECT_NE(one.steps, simulate(graph, 500, seed + 1000, {.steps = 300, .look_states = 500}).steps);
  }
}

TEST(Simulate, WithoutAnyWayToAGoalEveryRunIsDoomed) {
  const Toy deadlock{{{0, 1}, {1, 2}}, {}};
  EXPECT_EQ(simulate(deadlock, 100, 1, {}).doomed, 100U);
  const Toy round{{{0, 1}, {1, 0}}, {}};
  EXPECT_EQ(simulate(round, 100, 1, {}).doomed, 100U);
}

TEST(Simulate, WhereTheLimitHidesTheEndNothingIsClaimed) {
  Toy chain;
  for (std::uint32_t i = 0; i < 200; ++i) chain.edges.push_back({i, i + 1});
  const auto found = simulate(chain, 10, 1, {.steps = 20, .look_states = 20});
  EXPECT_EQ(found.undecided, 10U);
  EXPECT_EQ(simulate(chain, 10, 1, {.steps = 20, .look_states = 1000}).doomed, 10U);
}

TEST(Simulate, CanBeInterrupted) {
  const Toy toy{{{0, 1}}, {1}};
  EXPECT_EQ(simulate(toy, 1000, 1, {}, 1, [](std::size_t done) { return done < 10; }).runs, 10U);
}

}  // namespace
}  // namespace unzap::explorer
