// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"
#include "kernel/story/test_cast.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "check/counterexample.hpp"

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
  if (!report.counterexample) return nullptr;
  const std::vector<CheckTask>& tasks = report.counterexample->tasks;
  const auto at =
      std::find_if(tasks.begin(), tasks.end(), [&](const CheckTask& t) { return t.task == name; });
  return at == tasks.end() ? nullptr : &*at;
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
  ASSERT_TRUE(report.counterexample);
  EXPECT_EQ(report.counterexample->trap, TrapKind::livelock);
  EXPECT_EQ(report.traps, 2U);  // the worker spins on CPU 0, or on CPU 1
  EXPECT_TRUE(report.counterexample->replayed);
  const CheckTask* worker = task(report, "iou-wrk-4701");
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->fate, TaskFate::spins);
  EXPECT_TRUE(has(worker->stack,
                  {"kernel_wait4", "zap_pid_ns_processes", "do_exit", "io_wqe_worker", "ret_from_fork"}));
  const CheckTask* child = task(report, "npm run zombie");
  ASSERT_TRUE(child);
  EXPECT_EQ(child->fate, TaskFate::hung);
  EXPECT_TRUE(has(child->stack, {"synchronize_rcu_expedited", "namespace_unlock", "put_mnt_ns",
                                 "free_nsproxy", "exit_task_namespaces", "do_exit"}));
  EXPECT_EQ(task(report, "npm start")->fate, TaskFate::zombie);
  EXPECT_EQ(task(report, "kworker/rcu_gp")->fate, TaskFate::hung);
}

TEST(Check, CountsTheContainersThatOneSpinningTaskHolds) {
  const CheckReport report = check_file("n-containers.toml", "v5.15.160", Preempt::none);
  ASSERT_TRUE(report.counterexample);
  const std::vector<CheckContainer>& containers = report.counterexample->containers;
  ASSERT_EQ(containers.size(), 3U);
  EXPECT_EQ(containers[0].name, "repro");
  EXPECT_EQ(containers[0].fate, ContainerFate::spins);
  EXPECT_EQ(containers[1].fate, ContainerFate::victim);
  EXPECT_EQ(containers[2].name, "nginx#2");
  EXPECT_EQ(containers[2].fate, ContainerFate::victim);
  EXPECT_TRUE(check_file("npm-zombie.toml", "v5.15.160", Preempt::none).counterexample->containers.empty());
}

/// Nobody spins in a deadlock, so nobody can be said to be harmless: the second container is not held.
TEST(Check, CallsNobodyAVictimWhereNobodySpins) {
  const auto loaded = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/frozen-v1.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  kernel::Scenario scenario = *loaded;
  kernel::add_containers(scenario, "bystander");
  const CheckReport report =
      check({scenario, "v6.1.192", kernel::find_kernel("v6.1.192")->variant, Preempt::none, {}});
  ASSERT_EQ(report.verdict, CheckVerdict::lockup);
  ASSERT_TRUE(report.counterexample);
  const std::vector<CheckContainer>& containers = report.counterexample->containers;
  ASSERT_EQ(containers.size(), 2U);
  EXPECT_EQ(containers[0].fate, ContainerFate::stuck);
  EXPECT_EQ(containers[1].fate, ContainerFate::gone);
}

TEST(Check, TheFatalStepIsTheLeadersExitNotify) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::none);
  const Counterexample& way = *report.counterexample;
  ASSERT_GT(way.fatal_step, 1U);
  const kernel::Machine machine = machine_of(report.asked);
  const kernel::State& before = way.stem[way.fatal_step - 2].state;
  const auto& fatal = way.stem[way.fatal_step - 1];
  const kernel::TaskNo leader = machine.config().containers.front().leader;
  EXPECT_EQ(fatal.action.task, leader);
  EXPECT_EQ(machine.describe(before, fatal.action).function, "exit_notify");
  EXPECT_EQ(before.pid_ns[0].child_reaper, leader);
  const kernel::TaskNo reaper = fatal.state.pid_ns[0].child_reaper;
  EXPECT_EQ(machine.config().tasks[reaper].comm, "iou-wrk-4701");
}

TEST(Check, TheLoopIsTheSpinAndReturnsToItself) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::none);
  const Counterexample& way = *report.counterexample;
  const kernel::Machine machine = machine_of(report.asked);
  std::vector<std::string_view> functions;
  for (std::size_t i = 0; i < way.loop.size(); ++i) {
    const kernel::State& before = i == 0 ? way.stem.back().state : way.loop[i - 1].state;
    EXPECT_EQ(way.loop[i].action.event, kernel::Event::run);
    EXPECT_EQ(machine.config().tasks[way.loop[i].action.task].comm, "iou-wrk-4701");
    functions.push_back(machine.describe(before, way.loop[i].action).function);
  }
  EXPECT_EQ(digest_of(way.loop.back().state), digest_of(way.stem.back().state));
  std::sort(functions.begin(), functions.end());
  EXPECT_EQ(functions,
            (std::vector<std::string_view>{"do_wait", "do_wait", "do_wait", "zap_pid_ns_processes"}));
}

TEST(Check, FullPreemptionOnlyWastesCpu) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.160", Preempt::full);
  EXPECT_EQ(report.verdict, CheckVerdict::busy_wait);
  EXPECT_EQ(report.traps, 0U);
  EXPECT_EQ(task(report, "iou-wrk-4701")->fate, TaskFate::spins);
  EXPECT_TRUE(report.counterexample->replayed);
}

TEST(Check, AProofIsNotEmpty) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.162", Preempt::none);
  EXPECT_EQ(report.verdict, CheckVerdict::proved);
  ASSERT_EQ(report.witnesses.size(), kernel::k_witnesses.size());
  for (std::size_t i = 0; i < report.witnesses.size(); ++i)
    EXPECT_GT(report.witnesses[i], 0U) << kernel::k_witnesses[i];
}

TEST(Check, ALimitIsNeverAProof) {
  const CheckReport report = check_file("npm-zombie.toml", "v5.15.162", Preempt::none, {.max_states = 500});
  EXPECT_EQ(report.verdict, CheckVerdict::inconclusive);
  EXPECT_EQ(exit_code(report.verdict), 5);
}

}  // namespace
}  // namespace unzap
