// SPDX-License-Identifier: Apache-2.0
#include "explorer/shrink.hpp"

#include <gtest/gtest.h>

#include "explorer/fate.hpp"
#include "explorer/test_models.hpp"

namespace unzap::explorer {
namespace {

/// Three actors count; who has counted stands in the state. Actions of one actor commute with the others'.
struct Counters {
  struct State {
    std::uint32_t n[3];
  };
  struct Action {
    std::uint8_t who = 0;
    bool operator==(const Action&) const = default;
  };

  std::uint32_t most = 3;

  State initial() const { return {}; }
  bool is_goal(const State&) const { return false; }
  std::uint32_t witnesses(const State&) const { return 0; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint8_t who = 0; who < 3; ++who) {
      if (s.n[who] == most) continue;
      if (who == 1 && s.n[0] == 0) continue;  // the second needs the first
      State next = s;
      ++next.n[who];
      emit(Action{who}, next, Label{who, false});
    }
  }
};
static_assert(Model<Counters>);

std::vector<Counters::Action> way(std::initializer_list<int> who) {
  std::vector<Counters::Action> out;
  for (const int one : who) out.push_back({static_cast<std::uint8_t>(one)});
  return out;
}

std::vector<int> actors(const std::vector<TraceStep<Counters>>& steps) {
  std::vector<int> out;
  for (const auto& step : steps) out.push_back(step.action.who);
  return out;
}

TEST(Shrink, LeavesWhatIsNeededAndNothingElse) {
  const Counters model;
  const auto target = [](const Counters::State& s) { return s.n[1] == 2; };
  const auto shrunk = shrink(model, model.initial(), way({2, 0, 2, 0, 1, 2, 0, 1}), target);
  EXPECT_TRUE(shrunk.minimal);
  EXPECT_EQ(actors(shrunk.steps), (std::vector<int>{0, 1, 1}))
      << "one of the first, since the second needs it";
}

TEST(Shrink, AWayThatEndsElsewhereThanBeforeCountsWhenThatIsATargetToo) {
  const Counters model;
  const auto target = [](const Counters::State& s) { return s.n[0] >= 1 || s.n[2] >= 2; };
  EXPECT_EQ(actors(shrink(model, model.initial(), way({2, 2, 0}), target).steps), (std::vector<int>{0}));
}

TEST(Shrink, AWayThatDoesNotEndAtATargetIsRefused) {
  const Counters model;
  const auto never = [](const Counters::State&) { return false; };
  EXPECT_FALSE(shrink(model, model.initial(), way({0, 1}), never).minimal);
  const auto always = [](const Counters::State&) { return true; };
  EXPECT_FALSE(shrink(model, model.initial(), way({1}), always).minimal) << "it does not run";
  EXPECT_TRUE(shrink(model, model.initial(), way({0, 1, 2}), always).steps.empty())
      << "the start is a target";
}

TEST(Shrink, LoopsAreCut) {
  const Toy toy{{{0, 1}, {1, 2}, {2, 1}, {1, 3}}, {}};
  std::vector<Toy::Action> round{{0}};
  for (int i = 0; i < 1000; ++i) round.insert(round.end(), {{1}, {2}});
  round.push_back({3});
  const auto shrunk = shrink(toy, toy.initial(), round, [](const Toy::State& s) { return s.node == 3; });
  EXPECT_EQ(shrunk.steps.size(), 2U);
  EXPECT_LT(shrunk.tried, 10U);
}

/// On graphs drawn at random: what is left is a way to a target, and no single step of it can go.
TEST(Shrink, IsMinimalOnRandomGraphs) {
  std::size_t cut = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    const RandomGraph graph{.seed = seed, .nodes = 40, .degree = 3};
    Random random(seed);
    std::vector<RandomGraph::Action> wander;
    RandomGraph::State at = graph.initial();
    for (int i = 0; i < 60; ++i) {
      std::vector<std::pair<RandomGraph::Action, RandomGraph::State>> next;
      graph.for_each_successor(at, [&](const RandomGraph::Action& a, const RandomGraph::State& s, Label) {
        next.emplace_back(a, s);
      });
      if (next.empty()) break;
      const auto& [action, state] = next[random.below(next.size())];
      wander.push_back(action);
      at = state;
    }
    const auto is_target = [&](const RandomGraph::State& s) { return s.node % 10 == at.node % 10; };
    const auto shrunk = shrink(graph, graph.initial(), wander, is_target);
    ASSERT_TRUE(shrunk.minimal);
    cut += wander.size() - shrunk.steps.size();
    for (std::size_t i = 0; i < shrunk.steps.size(); ++i) {
      std::vector<RandomGraph::Action> rest;
      for (std::size_t j = 0; j < shrunk.steps.size(); ++j)
        if (j != i) rest.push_back(shrunk.steps[j].action);
      const auto run = run_actions(graph, graph.initial(), rest);
      EXPECT_FALSE(run && is_target(run->empty() ? graph.initial() : run->back().state)) << seed << " " << i;
    }
  }
  EXPECT_GT(cut, 500U);
}

TEST(Fate, IsWhatTheWholeExplorationSays) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    const RandomGraph graph{.seed = seed, .nodes = 300, .degree = 2};
    const auto found = explore(graph);
    const Analysis analysis = analyse(found.graph);
    std::vector<bool> trapped(found.graph.size(), false);
    for (const Trap& trap : analysis.traps)
      for (const StateId id : trap.states) trapped[id] = true;
    for (StateId id = 0; id < found.graph.size(); ++id) {
      const Fate fate = fate_of(graph, found.store[id], 1000);
      EXPECT_EQ(fate, trapped[id]           ? Fate::trapped
                      : analysis.doomed[id] ? Fate::doomed
                                            : Fate::open)
          << seed << " " << id;
    }
  }
}

TEST(Fate, BehindALimitNothingIsClaimed) {
  Toy chain;
  for (std::uint32_t i = 0; i < 30; ++i) chain.edges.push_back({i, i + 1});
  EXPECT_EQ(fate_of(chain, {0}, 1000), Fate::doomed);
  EXPECT_EQ(fate_of(chain, {0}, 10), Fate::unknown);
  EXPECT_EQ(fate_of(chain, {30}, 10), Fate::trapped) << "a deadlock is a trap of one state";
}

}  // namespace
}  // namespace unzap::explorer
