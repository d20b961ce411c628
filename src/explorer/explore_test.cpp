// SPDX-License-Identifier: Apache-2.0
#include "explorer/explore.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "explorer/test_models.hpp"
#include "explorer/trace.hpp"

namespace unzap::explorer {
namespace {

struct Row {
  const char* name;
  Toy toy;
  std::size_t states, transitions, doomed, traps, busy_waits;
  bool deadlock;
};

const Row k_rows[] = {
    {"a straight way to the goal", {{{0, 1}, {1, 2}}, {2}}, 3, 2, 0, 0, 0, false},
    {"deadlock next to a goal", {{{0, 1}, {0, 2}}, {1}}, 3, 2, 1, 1, 0, true},
    {"a goal without successors is not a deadlock", {{{0, 1}}, {1}}, 2, 1, 0, 0, 0, false},
    {"livelock with an exit is not a trap", {{{0, 1}, {1, 0}, {1, 2}}, {2}}, 3, 3, 0, 0, 0, false},
    {"livelock without an exit is a trap", {{{0, 1}, {0, 3}, {1, 2}, {2, 1}}, {3}}, 4, 4, 2, 1, 0, false},
    {"no goal at all: everything is doomed", {{{0, 1}, {1, 0}}, {}}, 2, 2, 2, 1, 0, false},
    // "Eventually" carried as a bit along the path is lost at a state that was seen before.
    {"the join: a doomed way into a state seen from a good one",
     {{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}, {2, 5}}, {5}},
     6,
     6,
     3,
     1,
     0,
     true},
    {"the cycle: back to a state seen, with no goal on it",
     {{{0, 1}, {1, 2}, {2, 0}, {0, 3}, {3, 3}}, {2}},
     4,
     5,
     1,
     1,
     0,
     false},
    {"two traps are two", {{{0, 1}, {0, 2}, {0, 3}, {2, 2}}, {3}}, 4, 4, 2, 2, 0, true},
    {"a way out of a component is followed to the terminal one",
     {{{0, 1}, {1, 2}, {2, 1}, {2, 3}, {3, 4}, {4, 3}, {0, 5}}, {5}},
     6,
     7,
     4,
     1,
     0,
     false},
    {"busy wait of one actor with an exit for another",
     {{{0, 1, 7, true}, {1, 0, 7, true}, {1, 2, 8, false}}, {2}},
     3,
     3,
     0,
     0,
     1,
     false},
    {"a cycle of two actors is not a busy wait of either",
     {{{0, 1, 7, true}, {1, 0, 8, true}, {1, 2, 8, false}}, {2}},
     3,
     3,
     0,
     0,
     0,
     false},
    {"a cycle that gives way is not a busy wait",
     {{{0, 1, 7, true}, {1, 0, 7, false}, {1, 2, 8, false}}, {2}},
     3,
     3,
     0,
     0,
     0,
     false},
    {"one actor that busily goes round alone",
     {{{0, 0, 3, true}, {0, 1, 4, false}}, {1}},
     2,
     2,
     0,
     0,
     1,
     false},
};

TEST(Explore, ToyGraphs) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const auto found = explore(row.toy);
    const Analysis analysis = analyse(found.graph);
    EXPECT_EQ(found.stop, Stop::complete);
    EXPECT_EQ(found.graph.size(), row.states);
    EXPECT_EQ(found.graph.edges.size(), row.transitions);
    EXPECT_EQ(analysis.doomed_count, row.doomed);
    ASSERT_EQ(analysis.traps.size(), row.traps);
    EXPECT_EQ(analysis.busy_waits.size(), row.busy_waits);
    EXPECT_EQ(row.traps > 0 && analysis.traps[0].deadlock, row.deadlock);
  }
}

TEST(Explore, ToyGraphsComeOutTheSameWithMoreWorkers) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    for (const unsigned workers : {2U, 3U}) expect_same(explore(row.toy), explore(row.toy, {}, {}, workers));
  }
}

// What a limit cuts off was looked up already, but has no number.
TEST(Explore, WhatWasCutOffIsNotFound) {
  Toy toy;
  for (std::uint32_t node = 1; node <= 20; ++node) {
    toy.edges.push_back({0, node});
    for (std::uint32_t child = 0; child < 5; ++child) toy.edges.push_back({node, 100 * node + child});
  }
  for (const unsigned workers : {1U, 2U}) {
    auto found = explore(toy, {.max_states = 30}, {}, workers);
    auto compact = explore(toy, {.max_states = 30}, {}, workers, {.keep = Keep::fingerprints});
    ASSERT_EQ(found.graph.size(), 31U);
    std::size_t known = 0, same = 0;
    for (std::uint32_t node = 0; node < 2100; ++node) {
      const StateId id = found.store.find({node});
      known += id != k_no_state;
      same += id != k_no_state && compact.store.is(id, {node});
      EXPECT_EQ(id == k_no_state, node >= 300 || (node > 20 && node % 100 > 4) || (node > 20 && node < 100));
    }
    EXPECT_EQ(known, 31U);
    EXPECT_EQ(same, 31U);
    EXPECT_FALSE(compact.store.is(5, {2000}));
  }
}

TEST(Explore, AFullTableCanBeAskedForWhatItHasNot) {
  Toy toy;
  for (std::uint32_t node = 1; node < 4096; ++node) toy.edges.push_back({0, node});
  auto found = explore(toy, {.max_states = 10});
  EXPECT_EQ(found.graph.size(), 4096U);
  EXPECT_EQ(found.store.find({999999}), k_no_state);
  EXPECT_NE(found.store.find({4095}), k_no_state);
}

TEST(Explore, PathsAreShortestAndReplay) {
  const Toy toy{{{0, 1}, {1, 2}, {2, 4}, {0, 3}, {3, 4}, {4, 4}}, {}};
  const auto found = explore(toy);
  const Analysis analysis = analyse(found.graph);
  ASSERT_EQ(analysis.traps.size(), 1U);
  const auto path = path_to(found.graph, analysis.traps[0].states.front());
  EXPECT_EQ(path.size(), 3U);
  auto steps = Follower(toy, found).from_start(path).steps;
  EXPECT_FALSE(replay(toy, toy.initial(), steps));
  steps[1].state.node = 0;
  EXPECT_EQ(replay(toy, toy.initial(), steps), 1U) << "a step that leads elsewhere must be noticed";
}

TEST(Explore, CycleThroughIsShortest) {
  const Toy toy{{{0, 1}, {1, 2}, {2, 0}, {1, 0}}, {}};
  const auto found = explore(toy);
  EXPECT_EQ(cycle_through(found.graph, 0, {0, 1, 2}), (std::vector<StateId>{0, 1}));
  EXPECT_TRUE(cycle_through(found.graph, 0, {0}).empty());
}

/// Counts without end; a search of it always hits its limit.
struct Endless {
  struct State {
    std::uint32_t n;
  };
  struct Action {
    std::uint32_t n = 0;
    bool operator==(const Action&) const = default;
  };
  State initial() const { return {0}; }
  bool is_goal(const State&) const { return false; }
  std::uint32_t witnesses(const State&) const { return 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    emit(Action{s.n}, State{s.n + 1}, Label{});
  }
};

TEST(Explore, LimitsStopAndNothingIsClaimedBehindThem) {
  const auto by_states = explore(Endless{}, {.max_states = 1000});
  EXPECT_EQ(by_states.stop, Stop::max_states);
  EXPECT_FALSE(by_states.graph.complete());
  EXPECT_EQ(analyse(by_states.graph).doomed_count, 0U) << "an unexplored state may lead to a goal";
  EXPECT_EQ(explore(Endless{}, {.max_bytes = 1 << 20}).stop, Stop::max_memory);
  EXPECT_EQ(explore(Endless{}, {}, [](const Progress& p) { return p.states < 20000; }).stop,
            Stop::interrupted);
}

TEST(Explore, WitnessesAreCounted) {
  const auto found = explore(Toy{{{0, 1}, {1, 2}}, {2}});
  EXPECT_EQ(found.witness_counts[0], 1U);
}

}  // namespace
}  // namespace unzap::explorer
