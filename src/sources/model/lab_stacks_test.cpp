// SPDX-License-Identifier: Apache-2.0
// Model against reality: the stacks that the model draws for the victims of the lockup, and those that unzap
// record took inside a jammed guest of the lab (tests/cases/lab-armed-poll, 6.1.192 without the fix, gcc 12).
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

Snapshot recorded() {
  auto snapshot = read_bundle(text_of("tests/cases/lab-armed-poll/capture.unzap"), "capture.unzap");
  EXPECT_TRUE(snapshot);
  return snapshot ? std::move(*snapshot) : Snapshot{};
}

/// A state of the trap of scenarios/armed-poll.toml on the same kernel, as a host would show it.
Snapshot modelled(bool inlined_frames) {
  const auto scenario = kernel::parse_scenario(text_of("scenarios/armed-poll.toml"), "armed-poll.toml");
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
  const Snapshot drawn = modelled(false), seen = recorded();
  for (const char* function : {"synchronize_rcu_expedited", "rcu_exp_wait_wake"})
    EXPECT_EQ(stack_in_d(drawn, function), stack_in_d(seen, function));
}

/// Which of the model's frames this build has not: these, and no others.
TEST(LabStacks, WhatThisBuildInlinesOrLeavesByAJumpIsKnown) {
  const Snapshot drawn = modelled(true), seen = recorded();
  std::set<std::string> missing;
  for (const char* function : {"synchronize_rcu_expedited", "rcu_exp_wait_wake"}) {
    const Names real = stack_in_d(seen, function);
    for (const std::string& one : stack_in_d(drawn, function))
      if (std::count(real.begin(), real.end(), one) == 0) missing.insert(one);
  }
  EXPECT_EQ(missing,
            (std::set<std::string>{"exit_task_namespaces", "switch_task_namespaces", "wait_rcu_exp_gp"}));
}

}  // namespace
}  // namespace unzap
