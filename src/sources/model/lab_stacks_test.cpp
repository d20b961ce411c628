// SPDX-License-Identifier: Apache-2.0
// Model against reality: the stacks that the model draws for the victims of the lockup, and those that unzap
// record took inside jammed guests of the lab (tests/cases/lab-*, 6.1.192 without the fix, gcc 12).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "explorer/explore.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/model/model_source.hpp"

namespace unzap {
namespace {

using Names = std::vector<std::string>;

std::string text_of(const std::string& name) {
  std::ifstream in(std::string(UNZAP_SOURCE_DIR) + "/" + name);
  EXPECT_TRUE(in) << name;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Names functions(const Stack& stack) {
  Names out;
  for (const Frame& frame : stack.frames) out.push_back(frame.function);
  return out;
}

/// The stack of the first task in D that has this function on it.
Names stack_in_d(const Snapshot& snapshot, std::string_view function) {
  for (const Task& task : snapshot.tasks)
    if (task.state.is('D') && task.stack && task.stack->has(function)) return functions(*task.stack);
  ADD_FAILURE() << "nobody in D in " << function;
  return {};
}

/// A boot of the lab, and the scenario that tells of the same.
struct Pair {
  const char* boot;
  const char* scenario;
};
constexpr Pair k_pairs[] = {{"lab-armed-poll", "armed-poll"}, {"lab-worker-self-set", "worker-self-set"}};

Snapshot recorded(const Pair& pair) {
  auto snapshot =
      read_bundle(text_of(std::string("tests/cases/") + pair.boot + "/capture.unzap"), "capture.unzap");
  EXPECT_TRUE(snapshot);
  return snapshot ? std::move(*snapshot) : Snapshot{};
}

/// A state of the scenario's trap on the same kernel, as a host would show it.
Snapshot modelled(const Pair& pair, bool inlined_frames) {
  const std::string file = std::string("scenarios/") + pair.scenario + ".toml";
  const auto scenario = kernel::parse_scenario(text_of(file), file);
  EXPECT_TRUE(scenario);
  kernel::Variant variant = kernel::find_kernel("v6.1.192")->variant;
  variant.set(kernel::Switch::fix_2026, false);
  const kernel::Machine machine(*scenario, variant, kernel::Preempt::none);
  const auto found = explorer::explore(machine);
  const explorer::Analysis analysis = explorer::analyse(found.graph);
  EXPECT_FALSE(analysis.traps.empty());
  if (analysis.traps.empty()) return {};
  ModelGaps gaps;
  gaps.inlined_frames = inlined_frames;
  return draw(machine.config(), found.store[analysis.traps.front().states.front()], gaps);
}

TEST(LabStacks, TheModelDrawsTheVictimsAsTheKernelShowsThem) {
  for (const Pair& pair : k_pairs) {
    SCOPED_TRACE(pair.boot);
    const Snapshot drawn = modelled(pair, false), seen = recorded(pair);
    for (const char* function : {"synchronize_rcu_expedited", "rcu_exp_wait_wake"})
      EXPECT_EQ(stack_in_d(drawn, function), stack_in_d(seen, function));
  }
}

/// Which of the model's frames this build has not: these, and no others.
TEST(LabStacks, WhatThisBuildInlinesOrLeavesByAJumpIsKnown) {
  for (const Pair& pair : k_pairs) {
    SCOPED_TRACE(pair.boot);
    const Snapshot drawn = modelled(pair, true), seen = recorded(pair);
    std::set<std::string> missing;
    for (const char* function : {"synchronize_rcu_expedited", "rcu_exp_wait_wake"}) {
      const Names real = stack_in_d(seen, function);
      for (const std::string& one : stack_in_d(drawn, function))
        if (std::count(real.begin(), real.end(), one) == 0) missing.insert(one);
    }
    EXPECT_EQ(missing,
              (std::set<std::string>{"exit_task_namespaces", "switch_task_namespaces", "wait_rcu_exp_gp"}));
  }
}

}  // namespace
}  // namespace unzap
