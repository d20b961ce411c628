// SPDX-License-Identifier: Apache-2.0
// Models for tests of the engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "explorer/explore.hpp"

namespace unzap::explorer {

struct ToyEdge {
  std::uint32_t from;
  std::uint32_t to;
  std::uint8_t actor = 0;
  bool busy = false;
};

/// A graph written down as edges. Node 0 is the start.
struct Toy {
  struct State {
    std::uint32_t node;
  };
  struct Action {
    std::uint32_t edge = 0;
    bool operator==(const Action&) const = default;
  };

  std::vector<ToyEdge> edges;
  std::vector<std::uint32_t> goals;

  State initial() const { return {0}; }
  bool is_goal(const State& s) const { return std::find(goals.begin(), goals.end(), s.node) != goals.end(); }
  std::uint32_t witnesses(const State& s) const { return s.node == 1 ? 1U : 0U; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint32_t i = 0; i < edges.size(); ++i)
      if (edges[i].from == s.node) emit(Action{i}, State{edges[i].to}, Label{edges[i].actor, edges[i].busy});
  }
};
static_assert(Model<Toy>);

/// Every node leads to up to `degree` others, drawn by a hash: anywhere, or at most `reach` further on.
struct RandomGraph {
  struct State {
    std::uint32_t node;
  };
  struct Action {
    std::uint32_t n = 0;
    bool operator==(const Action&) const = default;
  };

  std::uint32_t seed = 1;
  std::uint32_t nodes = 1000;
  std::uint32_t degree = 3;
  std::uint32_t reach = 0;  ///< 0: anywhere

  State initial() const { return {0}; }
  bool is_goal(const State& s) const { return draw(s.node, 1000) % 97 == 0; }
  std::uint32_t witnesses(const State& s) const { return draw(s.node, 1001); }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    const std::uint32_t count = s.node == 0 ? degree : draw(s.node, 1002) % (degree + 1);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t drawn = draw(s.node, i);
      const std::uint32_t to = reach == 0 ? drawn % nodes : (s.node + 1 + drawn % reach) % nodes;
      emit(Action{i}, State{to}, Label{static_cast<std::uint8_t>(drawn % 5), drawn % 7 < 3});
    }
  }
  std::uint32_t draw(std::uint32_t node, std::uint32_t what) const {
    const std::uint32_t key[3] = {seed, node, what};
    return static_cast<std::uint32_t>(XXH3_64bits(key, sizeof(key)));
  }
};
static_assert(Model<RandomGraph>);

/// Two explorations that must be alike to the last number.
template <Model M>
void expect_same(const Exploration<M>& one, const Exploration<M>& other) {
  EXPECT_EQ(one.stop, other.stop);
  EXPECT_EQ(one.progress.depth, other.progress.depth);
  EXPECT_EQ(one.progress.transitions, other.progress.transitions);
  EXPECT_EQ(one.witness_counts, other.witness_counts);
  ASSERT_EQ(one.graph.size(), other.graph.size());
  ASSERT_EQ(one.graph.expanded, other.graph.expanded);
  EXPECT_EQ(one.graph.goal, other.graph.goal);
  EXPECT_EQ(one.graph.parent, other.graph.parent);
  EXPECT_TRUE(one.graph.edges == other.graph.edges);
  for (StateId id = 0; id < one.graph.size(); ++id) {
    const auto a = one.store[id], b = other.store[id];
    ASSERT_EQ(std::memcmp(&a, &b, sizeof(a)), 0) << "state " << id;
  }
}

}  // namespace unzap::explorer
