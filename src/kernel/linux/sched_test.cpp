// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/sched.md.
#include "kernel/linux/sched.hpp"

#include "kernel/linux/signal.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

TEST(Sched, AWakeUpActsOnlyIfTheStateMatchesTheMask) {
  Driver d(plain(), k_kernel);
  d[d.child()].run_state = RunState::uninterruptible;
  EXPECT_FALSE(wake_up(d.s, d.child(), k_wake_interruptible));
  EXPECT_TRUE(d.asleep(d.child()));
  EXPECT_TRUE(wake_up(d.s, d.child(), k_wake_normal));
  EXPECT_FALSE(d.asleep(d.child()));
  EXPECT_FALSE(wake_up(d.s, d.child(), k_wake_any)) << "it is awake already";
}

TEST(Sched, WakeUpProcessWakesAnIdleSleeper) {
  Driver d(plain(), k_kernel);
  EXPECT_EQ(d[d.kworker()].run_state, RunState::idle);
  EXPECT_FALSE(wake_up(d.s, d.kworker(), k_wake_interruptible));
  EXPECT_TRUE(wake_up(d.s, d.kworker(), k_wake_any));
}

TEST(Sched, AWakeUpBetweenSettingTheStateAndSchedulePreventsTheSleep) {
  Driver d(plain(), k_kernel);
  Task& leader = d[d.leader()];
  leader.run_state = RunState::interruptible;  // written, schedule() not called yet
  EXPECT_TRUE(wake_up(d.s, d.leader(), k_wake_interruptible));
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(leader.run_state, RunState::running);
}

TEST(Sched, ScheduleDoesNotSleepInterruptiblyWithASignalPending) {
  for (const std::uint8_t flag : {k_tif_sigpending, k_tif_notify_signal}) {
    Driver d(plain(), k_kernel);
    Task& leader = d[d.leader()];
    leader.run_state = RunState::interruptible;
    leader.tif = flag;
    Step x = d.step_of(d.leader());
    schedule(x);
    EXPECT_FALSE(d.asleep(d.leader()));
    EXPECT_TRUE(x.gave_way) << "but it gave its CPU to others";
  }
}

TEST(Sched, NoPendingFlagEndsAnUninterruptibleOrIdleSleep) {
  for (const RunState state : {RunState::uninterruptible, RunState::idle}) {
    Driver d(plain(), k_kernel);
    d[d.leader()].tif = k_tif_sigpending | k_tif_notify_signal;
    Step x = d.step_of(d.leader());
    sleep_in(x, state);
    EXPECT_TRUE(d.asleep(d.leader()));
  }
}

TEST(Sched, ScheduleIsAQuiescentStateEvenIfTheSameTaskGoesOn) {
  Driver d(plain(), k_kernel);
  d.s.rcu.mask = d.s.rcu.asked = 1;  // CPU 0 was asked
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_EQ(d.s.rcu.mask, 0);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_TRUE(d.offers({Event::pick, 0, d.leader()}));
}

TEST(Sched, AnInterruptSetsNeedReschedButDoesNotPreemptWithoutFullPreemption) {
  for (const Preempt preempt : {Preempt::none, Preempt::voluntary}) {
    Driver d(plain(), k_kernel, preempt);
    wake_up(d.s, d.child(), k_wake_interruptible);
    d.act({Event::tick, 0, d.leader()});
    EXPECT_EQ(d.s.need_resched, 1);
    EXPECT_EQ(d.s.current[0], d.leader());
    EXPECT_FALSE(d.offers({Event::pick, 0, d.child()}));
  }
}

TEST(Sched, WithFullPreemptionTheInterruptPutsTheTaskAside) {
  Driver d(plain(), k_kernel, Preempt::full);
  wake_up(d.s, d.child(), k_wake_interruptible);
  d.act({Event::tick, 0, d.leader()});
  EXPECT_EQ(d.s.current[0], k_no_task);
  EXPECT_TRUE(d.offers({Event::pick, 0, d.child()}));
}

TEST(Sched, APreemptedTaskStaysQueuedWhateverStateItHasWritten) {
  Driver d(plain(), k_kernel, Preempt::full);
  wake_up(d.s, d.child(), k_wake_interruptible);
  d[d.leader()].run_state = RunState::interruptible;
  d.act({Event::tick, 0, d.leader()});
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.leader()].run_state, RunState::interruptible);
  EXPECT_TRUE(d.offers({Event::pick, 0, d.leader()}));
}

TEST(Sched, TheNextTaskStartsWithoutNeedResched) {
  Driver d(plain(), k_kernel);
  d.s.need_resched = 1;
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_EQ(d.s.need_resched, 0);
}

TEST(Sched, CondReschedGivesWayOnlyIfAskedTo) {
  Driver d(plain(), k_kernel);
  Step x = d.step_of(d.leader());
  EXPECT_FALSE(cond_resched(x));
  EXPECT_EQ(d.s.current[0], d.leader());
  d.s.need_resched = 1;
  EXPECT_TRUE(cond_resched(x));
  EXPECT_EQ(d.s.current[0], k_no_task);
}

TEST(Sched, MightSleepIsAReschedPointOnlyUnderVoluntaryPreemption) {
  for (const Preempt preempt : {Preempt::none, Preempt::voluntary, Preempt::full}) {
    Driver d(plain(), k_kernel, preempt);
    d.s.need_resched = 1;
    Step x = d.step_of(d.leader());
    EXPECT_EQ(might_sleep(x), preempt == Preempt::voluntary) << name(preempt);
  }
}

TEST(Sched, TheBalancerMovesAQueuedTaskButNotTheRunningOne) {
  Scenario scenario = plain();
  Driver d(scenario, k_kernel);
  wake_up(d.s, d.child(), k_wake_interruptible);
  EXPECT_FALSE(d.offers({Event::pick, 1, d.leader()}));
  EXPECT_TRUE(d.offers({Event::pick, 1, d.child()}));
}

TEST(Sched, WithoutBalancingAWokenTaskStaysWhereItIsPlaced) {
  Scenario scenario = plain();
  scenario.balance = false;
  Driver d(scenario, k_kernel);
  wake_up(d.s, d.child(), k_wake_interruptible);
  EXPECT_TRUE(d.offers({Event::place, 0, d.child()}));
  d.act({Event::place, 1, d.child()});
  EXPECT_FALSE(d.offers(Event::place, d.child()));
  EXPECT_TRUE(d.offers({Event::pick, 1, d.child()}));
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_FALSE(d.offers({Event::pick, 0, d.child()}));
}

TEST(Sched, ATaskBoundToABusyCpuNeverRuns) {
  Driver d(plain(), k_kernel);
  d[d.kworker()].allowed = 1;
  wake_up(d.s, d.kworker(), k_wake_any);
  EXPECT_FALSE(d.offers(Event::pick, d.kworker())) << "CPU 1 is free, but it may not go there";
}

TEST(Sched, ADeadTaskIsNeverPickedAgain) {
  Driver d(plain(), k_kernel);
  Step x = d.step_of(d.leader());
  do_task_dead(x);
  EXPECT_EQ(d[d.leader()].run_state, RunState::dead);
  EXPECT_FALSE(wake_up(d.s, d.leader(), k_wake_any));
  EXPECT_FALSE(d.offers(Event::pick, d.leader()));
}

}  // namespace
}  // namespace unzap::kernel
