// SPDX-License-Identifier: Apache-2.0
// Numbers, parents and edges do not depend on the number of workers.
#include <gtest/gtest.h>

#include <cstdio>
#include <unordered_map>

#include "explorer/test_models.hpp"
#include "explorer/trace.hpp"
#include "kernel/machine/machine.hpp"

namespace unzap::explorer {
namespace {

/// The search as one would write it down: a queue and a hash map.
template <Model M>
void expect_plain_search(const M& model, const Exploration<M>& found) {
  std::vector<typename M::State> states{model.initial()};
  std::vector<StateId> parents{k_no_state};
  std::unordered_map<std::uint32_t, StateId> ids{{model.initial().node, 0}};
  std::vector<Edge> edges;
  for (StateId at = 0; at < states.size(); ++at) {
    const auto state = states[at];
    model.for_each_successor(state, [&](const auto&, const auto& next, Label label) {
      const auto [entry, is_new] = ids.emplace(next.node, static_cast<StateId>(states.size()));
      if (is_new) {
        states.push_back(next);
        parents.push_back(at);
      }
      edges.push_back({entry->second, label});
    });
  }
  ASSERT_EQ(found.graph.size(), states.size());
  for (std::size_t s = 0; s < states.size(); ++s) ASSERT_EQ(found.graph.parent[s], parents[s]) << s;
  ASSERT_EQ(found.graph.edges.size(), edges.size());
  std::size_t e = 0;
  StateId before = 0;
  found.graph.edges.all([&](StateId from, const Edge& edge) {
    EXPECT_LE(before, from);
    before = from;
    EXPECT_TRUE(edge.to == edges[e].to && edge.label == edges[e].label) << "edge " << e;
    ++e;
  });
}

const RandomGraph k_graphs[] = {
    {.seed = 1, .nodes = 60000, .degree = 4},
    {.seed = 2, .nodes = 60000, .degree = 40},
    {.seed = 3, .nodes = 40000, .degree = 5, .reach = 3000},
    {.seed = 4, .nodes = 5000, .degree = 3, .reach = 6},
};

TEST(Parallel, RandomGraphsAreNumberedAsOneWorkerDoes) {
  for (const RandomGraph& graph : k_graphs) {
    SCOPED_TRACE(graph.seed);
    const auto alone = explore(graph);
    EXPECT_GT(alone.graph.size(), 10U);
    expect_plain_search(graph, alone);
    for (const unsigned workers : {2U, 3U}) expect_same(alone, explore(graph, {}, {}, workers));
  }
}

TEST(Parallel, ALimitCutsAtTheSameState) {
  for (const std::size_t most : {1U, 100U, 5000U, 20001U, 33333U}) {
    SCOPED_TRACE(most);
    const auto alone = explore(k_graphs[1], {.max_states = most});
    EXPECT_EQ(alone.stop, Stop::max_states);
    EXPECT_GT(alone.graph.size(), most);
    EXPECT_LE(alone.graph.size(), most + k_graphs[1].degree)
        << "it stops with the state that passes the limit";
    for (const unsigned workers : {2U, 3U})
      expect_same(alone, explore(k_graphs[1], {.max_states = most}, {}, workers));
  }
}

/// One state with very many successors: more than a table that nobody warned has room for.
struct Fan {
  struct State {
    std::uint32_t node;
  };
  struct Action {
    std::uint32_t n = 0;
    bool operator==(const Action&) const = default;
  };
  State initial() const { return {0}; }
  bool is_goal(const State& s) const { return s.node != 0; }
  std::uint32_t witnesses(const State& s) const { return s.node != 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint32_t i = 1; s.node == 0 && i <= 100000; ++i) emit(Action{i}, State{i}, Label{});
  }
};

TEST(Parallel, ATableThatFillsUpInARoundGrowsAndTheRoundIsRunAgain) {
  const auto found = explore(Fan{}, {}, {}, 2);
  EXPECT_EQ(found.graph.size(), 100001U);
  EXPECT_EQ(found.witness_counts[0], 100000U);
  EXPECT_EQ(found.store[70000].node, 70000U);
}

TEST(Fingerprints, GiveTheSameGraphOnSmallModels) {
  for (const RandomGraph& graph : k_graphs) {
    SCOPED_TRACE(graph.seed);
    const auto exact = explore(graph);
    const auto compact = explore(graph, {}, {}, 2, {Keep::fingerprints, true});
    ASSERT_EQ(exact.graph.size(), compact.graph.size());
    EXPECT_TRUE(exact.graph.edges == compact.graph.edges);
    EXPECT_TRUE(exact.graph.parent == compact.graph.parent);
    const Follower follower(graph, compact);
    for (StateId id = 0; id < exact.graph.size(); id += 101)
      EXPECT_EQ(follower.from_start(path_to(compact.graph, id)).end().node, exact.store[id].node);
  }
}

TEST(Edges, WithoutThemTheStatesAreTheSame) {
  for (const RandomGraph& graph : k_graphs) {
    SCOPED_TRACE(graph.seed);
    const auto with = explore(graph);
    const auto without = explore(graph, {}, {}, 2, {Keep::states, false});
    ASSERT_EQ(with.graph.size(), without.graph.size());
    EXPECT_TRUE(with.graph.parent == without.graph.parent);
    EXPECT_EQ(with.progress.transitions, without.progress.transitions);
    EXPECT_EQ(without.graph.edges.size(), 0U);
  }
}

TEST(Edges, OfAStateAndBackwardsAreThoseInOrder) {
  const auto found = explore(k_graphs[2]);
  std::vector<std::vector<StateId>> to(found.graph.size());
  found.graph.edges.all([&](StateId from, const Edge& edge) { to[from].push_back(edge.to); });
  std::size_t next = found.graph.size();
  found.graph.edges.backwards([&](StateId from, const Edge* edge, const Edge* end) {
    ASSERT_EQ(from, --next);
    ASSERT_EQ(static_cast<std::size_t>(end - edge), to[from].size());
    for (std::size_t i = 0; edge != end; ++edge) ASSERT_EQ(edge->to, to[from][i++]);
  });
  EXPECT_EQ(next, 0U);
  for (StateId s = 0; s < found.graph.size(); s += 37) {
    std::vector<StateId> own;
    found.graph.edges.of(s, [&](const Edge& edge) { own.push_back(edge.to); });
    EXPECT_EQ(own, to[s]);
  }
}

/// A chain whose edges lead from large numbers to small ones, as bad as can be for sweeps: 0 leads to all
/// others, and each of those to the one before it.
struct Backwards {
  using State = RandomGraph::State;
  using Action = RandomGraph::Action;
  std::uint32_t nodes;
  bool with_goal;

  State initial() const { return {0}; }
  bool is_goal(const State& s) const { return with_goal && s.node == 1; }
  std::uint32_t witnesses(const State&) const { return 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint32_t i = 1; s.node == 0 && i < nodes; ++i) emit(Action{i}, State{nodes - i}, Label{});
    if (s.node > 1) emit(Action{0}, State{s.node - 1}, Label{});
    if (s.node == 1) emit(Action{0}, State{2}, Label{});
  }
};

TEST(Analysis, WhatSweepsDoNotReachPredecessorsDo) {
  for (const bool with_goal : {true, false}) {
    const auto found = explore(Backwards{300, with_goal});
    const Analysis analysis = analyse(found.graph);
    EXPECT_EQ(analysis.doomed_count, with_goal ? 0U : 300U);
    ASSERT_EQ(analysis.traps.size(), with_goal ? 0U : 1U);
    if (!with_goal) {
      EXPECT_EQ(analysis.traps[0].states.size(), 2U);
    }
  }
}

/// Traps as the definition has them: for each state, whether a goal can be reached from it.
TEST(Analysis, DoomedStatesAreThoseFromWhichNoGoalCanBeReached) {
  for (std::uint32_t seed = 10; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const auto found = explore(RandomGraph{.seed = seed, .nodes = 400, .degree = 2, .reach = seed % 3 * 30});
    const Analysis analysis = analyse(found.graph);
    for (StateId s = 0; s < found.graph.size(); ++s) {
      std::vector<bool> seen(found.graph.size(), false);
      std::vector<StateId> todo{s};
      bool ends = false;
      while (!todo.empty() && !ends) {
        const StateId at = todo.back();
        todo.pop_back();
        ends = found.graph.goal[at];
        found.graph.edges.of(at, [&](const Edge& edge) {
          if (!seen[edge.to]) todo.push_back(edge.to);
          seen[edge.to] = true;
        });
      }
      EXPECT_EQ(analysis.doomed[s], !ends) << s;
    }
  }
}

TEST(Analysis, IsTheSameWithTwoWorkers) {
  for (const RandomGraph& graph : k_graphs) {
    SCOPED_TRACE(graph.seed);
    const auto found = explore(graph, {}, {}, 2);
    const Analysis alone = analyse(found.graph), beside = analyse(found.graph, 2);
    EXPECT_EQ(alone.doomed, beside.doomed);
    ASSERT_EQ(alone.traps.size(), beside.traps.size());
    for (std::size_t i = 0; i < alone.traps.size(); ++i)
      EXPECT_EQ(alone.traps[i].states, beside.traps[i].states);
    ASSERT_EQ(alone.busy_waits.size(), beside.busy_waits.size());
    for (std::size_t i = 0; i < alone.busy_waits.size(); ++i)
      EXPECT_EQ(alone.busy_waits[i].cycle, beside.busy_waits[i].cycle);
  }
}

TEST(Memory, TheKernelStaysBelow64BytesAStateExactAnd16Compact) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/npm-zombie.toml");
  ASSERT_TRUE(scenario);
  const kernel::Machine machine(*scenario, kernel::find_kernel("v5.15.160")->variant, kernel::Preempt::full);
  const auto exact = explore(machine);
  const auto per_state = [](const auto& found, std::size_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(found.graph.size());
  };
  EXPECT_LE(per_state(exact, exact.progress.bytes), 64) << "edges and all";
  const auto compact = explore(machine, {}, {}, 1, {Keep::fingerprints, true});
  EXPECT_LE(per_state(compact, compact.progress.bytes - compact.progress.edge_bytes), 16);
  EXPECT_TRUE(exact.graph.edges == compact.graph.edges);
  std::printf("bytes a state: exact %.1f, compact %.1f, of those edges %.1f\n",
              per_state(exact, exact.progress.bytes), per_state(compact, compact.progress.bytes),
              per_state(compact, compact.progress.edge_bytes));
}

TEST(Parallel, TheKernelComesOutTheSame) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/npm-zombie.toml");
  ASSERT_TRUE(scenario);
  for (const auto preempt : {kernel::Preempt::none, kernel::Preempt::full}) {
    const kernel::Machine machine(*scenario, kernel::find_kernel("v5.15.160")->variant, preempt);
    const auto alone = explore(machine);
    for (const unsigned workers : {2U, 3U}) expect_same(alone, explore(machine, {}, {}, workers));
  }
}

}  // namespace
}  // namespace unzap::explorer
