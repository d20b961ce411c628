// SPDX-License-Identifier: Apache-2.0
#include "check/simulate.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

SimulateReport run(const char* kernel, kernel::Preempt preempt, unsigned workers = 1) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/npm-zombie.toml");
  EXPECT_TRUE(scenario);
  return simulate({.model = {.scenario = *scenario,
                             .kernel = kernel,
                             .variant = kernel::find_kernel(kernel)->variant,
                             .preempt = preempt,
                             .limits = {.invariants = true},
                             .workers = workers},
                   .runs = 1000,
                   .seed = 7});
}

TEST(SimulateKernel, HitsTheLockupAndCutsItsWay) {
  const SimulateReport report = run("v5.15.160", kernel::Preempt::none);
  EXPECT_EQ(report.runs, 1000U);
  EXPECT_GT(report.lockup.count, 0U);
  EXPECT_LT(report.lockup.count, 1000U);
  EXPECT_EQ(report.lockup.count + report.busy.count + report.ended.count + report.undecided.count, 1000U);
  EXPECT_EQ(report.hit.verdict, CheckVerdict::lockup);
  ASSERT_TRUE(report.hit.counterexample);
  const Counterexample& way = *report.hit.counterexample;
  EXPECT_EQ(way.trap, TrapKind::livelock);
  EXPECT_TRUE(way.minimal);
  EXPECT_TRUE(way.replayed);
  EXPECT_TRUE(way.fatal_exact);
  ASSERT_GT(way.fatal_step, 1U);
  EXPECT_EQ(machine_of(report.hit.asked)
                .describe(way.stem[way.fatal_step - 2].state, way.stem[way.fatal_step - 1].action)
                .function,
            "exit_notify");
  EXPECT_EQ(exit_code(report), 13);
}

TEST(SimulateKernel, WithTheFixNoneIsHitAndThatProvesNothing) {
  const SimulateReport report = run("v5.15.162", kernel::Preempt::none);
  EXPECT_EQ(report.lockup.count, 0U);
  EXPECT_EQ(report.ended.count, 1000U);
  EXPECT_EQ(exit_code(report), 5);
}

TEST(SimulateKernel, WithPreemptionThereIsABusyWait) {
  const SimulateReport report = run("v5.15.160", kernel::Preempt::full);
  EXPECT_EQ(report.lockup.count, 0U);
  EXPECT_GT(report.busy.count, 0U);
  EXPECT_EQ(exit_code(report), 14);
}

TEST(SimulateKernel, IsTheSameWhateverTheWorkers) {
  const SimulateReport one = run("v5.15.160", kernel::Preempt::none, 1);
  const SimulateReport two = run("v5.15.160", kernel::Preempt::none, 2);
  EXPECT_EQ(one.lockup.count, two.lockup.count);
  EXPECT_EQ(one.steps, two.steps);
  EXPECT_EQ(one.hit.counterexample->stem.size(), two.hit.counterexample->stem.size());
}

TEST(Share, IsWilsonsInterval) {
  // Values from Wilson's formula, worked out by hand for z = 1.96.
  const Share some = share_of(10, 100);
  EXPECT_NEAR(some.low, 0.0552, 1e-3);
  EXPECT_NEAR(some.high, 0.1744, 1e-3);
  EXPECT_EQ(share_of(0, 100).low, 0);
  EXPECT_NEAR(share_of(0, 100).high, 0.0370, 1e-3);
  EXPECT_EQ(share_of(100, 100).high, 1);
  EXPECT_EQ(share_of(0, 0).high, 1) << "without a run nothing is known";
}

}  // namespace
}  // namespace unzap
