// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace unzap {
namespace {

using kernel::Preempt;

CheckReport check_file(const std::string& scenario, const std::string& kernel, Preempt preempt,
                       explorer::Limits limits = {}) {
  const auto loaded = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/" + scenario);
  EXPECT_TRUE(loaded) << loaded.error().text();
  return check({*loaded, kernel, kernel::find_kernel(kernel)->variant, preempt, limits});
}

const CheckTask* task(const CheckReport& report, const std::string& name) {
  const auto at = std::find_if(report.tasks.begin(), report.tasks.end(),
                               [&](const CheckTask& t) { return t.task == name; });
  return at == report.tasks.end() ? nullptr : &*at;
}

bool has(const std::vector<std::string>& stack, std::initializer_list<const char*> functions) {
  auto at = stack.begin();
  for (const char* function : functions) {
    at = std::find(at, stack.end(), function);
    if (at == stack.end()) return false;
  }
  return true;
}

TEST(Check, TheDocumentsLockup) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::none);
  EXPECT_EQ(report.verdict, CheckVerdict::lockup);
  EXPECT_EQ(report.trap_kind, "livelock");
  EXPECT_EQ(report.traps, 2U);  // the worker spins on CPU 0, or on CPU 1
  EXPECT_TRUE(report.replayed);
  const CheckTask* worker = task(report, "iou-wrk-4701");
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->state, "spins");
  EXPECT_TRUE(has(worker->stack,
                  {"kernel_wait4", "zap_pid_ns_processes", "do_exit", "io_wqe_worker", "ret_from_fork"}));
  const CheckTask* child = task(report, "npm run zombie");
  ASSERT_TRUE(child);
  EXPECT_EQ(child->state, "hung");
  EXPECT_TRUE(has(child->stack, {"synchronize_rcu_expedited", "namespace_unlock", "put_mnt_ns",
                                 "free_nsproxy", "exit_task_namespaces", "do_exit"}));
  EXPECT_EQ(task(report, "npm start")->state, "zombie");
  EXPECT_EQ(task(report, "kworker/rcu_gp")->state, "hung");
}

TEST(Check, CountsTheContainersThatOneSpinningTaskHolds) {
  const CheckReport report = check_file("n-containers.toml", "v5.15.160", Preempt::none);
  ASSERT_EQ(report.containers.size(), 3U);
  EXPECT_EQ(report.containers[0].name, "repro");
  EXPECT_EQ(report.containers[0].state, "spins");
  EXPECT_EQ(report.containers[1].state, "victim");
  EXPECT_EQ(report.containers[2].name, "nginx#2");
  EXPECT_EQ(report.containers[2].state, "victim");
  EXPECT_TRUE(check_file("npm-zombie.toml", "v5.15.160", Preempt::none).containers.empty());
}

/// Nobody spins in a deadlock, so nobody can be said to be harmless: the second container is not held.
TEST(Check, CallsNobodyAVictimWhereNobodySpins) {
  const auto loaded = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/frozen-v1.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  kernel::Scenario scenario = *loaded;
  scenario.bystanders = 1;
  const CheckReport report =
      check({scenario, "v6.1.192", kernel::find_kernel("v6.1.192")->variant, Preempt::none, {}});
  ASSERT_EQ(report.verdict, CheckVerdict::lockup);
  ASSERT_EQ(report.containers.size(), 2U);
  EXPECT_EQ(report.containers[0].state, "stuck");
  EXPECT_EQ(report.containers[1].state, "gone");
}

TEST(Check, TheFatalStepIsTheLeadersExitNotify) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::none);
  ASSERT_GT(report.fatal_step, 0U);
  const CheckStep& fatal = report.trace[report.fatal_step - 1];
  EXPECT_EQ(fatal.task, "npm start");
  EXPECT_EQ(fatal.function, "exit_notify");
  EXPECT_NE(fatal.text.find("iou-wrk-4701 becomes child_reaper"), std::string::npos) << fatal.text;
}

TEST(Check, TheLoopIsTheSpinAndReturnsToItself) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::none);
  std::vector<std::string> functions;
  for (const CheckStep& step : report.loop) {
    EXPECT_EQ(step.task, "iou-wrk-4701");
    functions.push_back(step.function);
  }
  std::sort(functions.begin(), functions.end());
  EXPECT_EQ(functions, (std::vector<std::string>{"do_wait", "do_wait", "do_wait", "zap_pid_ns_processes"}));
}

TEST(Check, FullPreemptionOnlyWastesCpu) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::full);
  EXPECT_EQ(report.verdict, CheckVerdict::busy_wait);
  EXPECT_EQ(report.traps, 0U);
  EXPECT_EQ(task(report, "iou-wrk-4701")->state, "spins");
  EXPECT_TRUE(report.replayed);
}

TEST(Check, AProofIsNotEmpty) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.162", Preempt::none);
  EXPECT_EQ(report.verdict, CheckVerdict::proved);
  for (const auto& [fact, states] : report.witnesses) EXPECT_GT(states, 0U) << fact;
}

TEST(Check, ALimitIsNeverAProof) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.162", Preempt::none, {.max_states = 500});
  EXPECT_EQ(report.verdict, CheckVerdict::inconclusive);
  EXPECT_EQ(exit_code(report.verdict), 5);
}

}  // namespace
}  // namespace unzap
