// SPDX-License-Identifier: Apache-2.0
// What the reductions rest on, asked of every state of the scenarios.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

#include "explorer/reductions.hpp"
#include "explorer/trace.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/machine/partial_order.hpp"
#include "kernel/story/test_cast.hpp"

namespace unzap::kernel {
namespace {

using explorer::Label;

/// All scenarios, and one with several like workers.
std::vector<Scenario> scenarios() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/scenarios"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<Scenario> out;
  for (const std::string& file : files) {
    const auto loaded = load_scenario(file);
    EXPECT_TRUE(loaded) << loaded.error().text();
    if (loaded) out.push_back(*loaded);
    if (!loaded || loaded->name != "npm-zombie") continue;
    Scenario many = *loaded;
    many.name = "npm-zombie with three workers";
    many.processes.pop_back();  // the child
    ring_of(many).workers.assign(3, WorkerStart::idle);
    out.push_back(many);
  }
  return out;
}

/// Calls `visit(machine, states, stride)` for all scenarios on two kernels and each preemption model, with
/// the states that can be reached, or the first of them. `stride`: so far apart they are about `enough`.
template <class Visit>
void over_machines(std::size_t enough, const Visit& visit) {
  for (const Scenario& scenario : scenarios())
    for (const char* kernel : {"v5.15.160", "v6.1.192"})
      for (const Preempt preempt : {Preempt::none, Preempt::voluntary, Preempt::full}) {
        SCOPED_TRACE(scenario.name + " " + kernel + " " + std::string(name(preempt)));
        const Machine machine(scenario, find_kernel(kernel)->variant, preempt);
        const auto found =
            explorer::explore(machine, {.max_states = 40000}, {}, 1, {explorer::Keep::states, false});
        visit(machine, found, static_cast<explorer::StateId>(found.graph.expanded / enough | 1U));
        if (testing::Test::HasFailure()) return;
      }
}

struct Next {
  Action action;
  State state;
  Label label;
};
std::vector<Next> successors(const Machine& machine, const State& s) {
  std::vector<Next> out;
  machine.for_each_successor(s, [&](const Action& action, const State& next, Label label) {
    out.push_back({action, next, label});
  });
  return out;
}
const Next* find(const std::vector<Next>& all, const Action& action) {
  for (const Next& one : all)
    if (one.action == action) return &one;
  return nullptr;
}
bool equal(const State& a, const State& b) {
  return std::memcmp(&a, &b, sizeof(State)) == 0;
}

/// A renaming drawn at random from those that Symmetry says are none: found by shuffling what it sorts.
Renaming draw(const Machine& machine, const State& s, std::mt19937& random) {
  return machine.symmetry().any(machine.config(), s, static_cast<std::uint32_t>(random()));
}

/// A successor as its representative shows it. Of tasks in like places it does not matter which one moved: so
/// its number in its namespace, which workers share, and its call stack stand for its number.
struct Like {
  State state;
  bool busy;
  int place;
  std::array<CallFrame, k_max_depth> stack;
  bool operator<(const Like& other) const {
    const int order = std::memcmp(&state, &other.state, sizeof(State));
    if (order != 0) return order < 0;
    if (std::pair{busy, place} != std::pair{other.busy, other.place})
      return std::pair{busy, place} < std::pair{other.busy, other.place};
    return std::memcmp(&stack, &other.stack, sizeof(stack)) < 0;
  }
};
int place_of(const TaskInfo& task) {
  return task.worker_of != 0xff ? (task.unbounded ? -2 : -1) : task.ns_tid;
}
std::vector<Like> likes(const Machine& machine, const State& s) {
  std::vector<Like> out;
  for (const Next& next : successors(machine, s)) {
    Like like{next.state, next.label.busy, -1, {}};
    const Renaming to = machine.canonicalise(like.state);
    if (next.label.actor != explorer::k_no_actor) {
      like.place = place_of(machine.config().tasks[to(next.label.actor)]);
      like.stack = like.state.tasks[to(next.label.actor)].stack;
    }
    out.push_back(like);
  }
  std::sort(out.begin(), out.end());
  return out;
}
bool same(const std::vector<Like>& a, const std::vector<Like>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Like& x, const Like& y) { return !(x < y) && !(y < x); });
}

TEST(Symmetry, ARenamedStateHasTheSameSuccessorsUnderOtherNames) {
  std::size_t renamed_states = 0;
  over_machines(500, [&](const Machine& machine, const auto& found, explorer::StateId stride) {
    std::mt19937 random(1);
    for (explorer::StateId id = 0; id < found.graph.expanded; id += stride) {
      const State s = found.store[id];
      const Renaming to = draw(machine, s, random);
      const State other = renamed(machine.config(), s, to);
      renamed_states += !equal(s, other);
      ASSERT_EQ(machine.is_goal(s), machine.is_goal(other)) << "state " << id;
      ASSERT_EQ(machine.witnesses(s), machine.witnesses(other)) << "state " << id;
      ASSERT_TRUE(same(likes(machine, s), likes(machine, other))) << "state " << id;
    }
  });
  EXPECT_GT(renamed_states, 5000U) << "the test says nothing if nothing is renamed";
}

TEST(Symmetry, AnOrbitHasOneRepresentative) {
  over_machines(500, [&](const Machine& machine, const auto& found, explorer::StateId stride) {
    std::mt19937 random(2);
    for (explorer::StateId id = 0; id < found.graph.size(); id += stride) {
      State s = found.store[id];
      State other = renamed(machine.config(), s, draw(machine, s, random));
      machine.canonicalise(s);
      machine.canonicalise(other);
      ASSERT_TRUE(equal(s, other)) << "state " << id;
      State again = s;
      machine.canonicalise(again);
      ASSERT_TRUE(equal(s, again)) << "a representative represents itself; state " << id;
    }
  });
}

/// What `b` and the lone step make of a state does not depend on which comes first. A preemption takes the
/// task off its CPU: then the step follows when the task is on again.
void expect_commutes(const Machine& machine, const Next& lone, const Next& b, const State& before) {
  const auto after_lone = successors(machine, lone.state), after_b = successors(machine, b.state);
  const Next* const then_b = find(after_lone, b.action);
  ASSERT_TRUE(then_b) << "the lone step of " << machine.describe(before, lone.action).actor << " takes "
                      << machine.describe(before, b.action).text << " away";
  if (const Next* const then_lone = find(after_b, lone.action)) {
    ASSERT_TRUE(equal(then_b->state, then_lone->state))
        << machine.describe(before, lone.action).function << " does not commute with "
        << machine.describe(before, b.action).function;
    return;
  }
  ASSERT_EQ(machine.config().preempt, Preempt::full);
  ASSERT_EQ(b.action.event, Event::tick);
  for (const Next& pick : after_b) {
    if (pick.action.event != Event::pick || pick.action.task != lone.action.task) continue;
    const Action step{Event::run, pick.action.cpu, lone.action.task};
    const auto late = successors(machine, pick.state);
    const auto early = successors(machine, then_b->state);
    const Next* const late_step = find(late, step);
    const Next* const early_pick = find(early, pick.action);
    ASSERT_TRUE(late_step && early_pick);
    ASSERT_TRUE(equal(late_step->state, early_pick->state)) << machine.describe(before, lone.action).function;
  }
}

TEST(PartialOrder, ALoneStepCommutesWithEverythingAndIsSeenByNobody) {
  std::size_t lone_steps = 0;
  over_machines(2000, [&](const Machine& machine, const auto& found, explorer::StateId stride) {
    for (explorer::StateId id = 0; id < found.graph.expanded; id += stride) {
      const State s = found.store[id];
      std::vector<Next> lone;
      machine.emit_lone(s, [&](const Action& action, const State& next, Label label) {
        lone.push_back({action, next, label});
      });
      if (lone.empty() || !why_not_partly_ordered(machine.config()).empty()) continue;
      ++lone_steps;
      const auto all = successors(machine, s);
      const Next* const itself = find(all, lone[0].action);
      ASSERT_TRUE(itself && equal(itself->state, lone[0].state)) << "state " << id;
      ASSERT_EQ(machine.is_goal(s), machine.is_goal(lone[0].state)) << "state " << id;
      for (const Next& b : all)
        if (!(b.action == lone[0].action)) expect_commutes(machine, lone[0], b, s);
      if (testing::Test::HasFatalFailure()) FAIL() << "state " << id;
    }
  });
  EXPECT_GT(lone_steps, 2000U) << "the test says nothing if there are none";
}

}  // namespace
}  // namespace unzap::kernel
