// SPDX-License-Identifier: Apache-2.0
// Numbers, parents and edges do not depend on the number of workers.
#include <gtest/gtest.h>

#include <unordered_map>

#include "explorer/test_models.hpp"
#include "kernel/machine.hpp"

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
  EXPECT_EQ(found.graph.parent, parents);
  ASSERT_EQ(found.graph.edges.size(), edges.size());
  for (std::size_t e = 0; e < edges.size(); ++e) ASSERT_EQ(found.graph.edges[e].to, edges[e].to);
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
