// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/rcu.md.
#include "kernel/linux/rcu.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v6.1.94";

/// The child has called synchronize_rcu_expedited() on CPU 1, owns the grace period and sleeps.
Driver owner_sleeps(Preempt preempt = Preempt::none, const Scenario& scenario = plain()) {
  Driver d(scenario, k_kernel, preempt);
  d.enter(d.child(), Routine::synchronize_rcu_expedited);
  d.until_off(d.child(), 1);
  return d;
}

/// The same, and the kworker has sent its interrupts and sleeps.
Driver kworker_waits(Preempt preempt = Preempt::none) {
  Driver d = owner_sleeps(preempt);
  d.step(d.kworker(), 1);
  return d;
}

TEST(Rcu, ASingleCpuIsAGracePeriodByItselfOnlyInFiveFifteenWithoutPreemption) {
  struct Row {
    const char* kernel;
    Preempt preempt;
    std::uint8_t cpus;
    bool at_once;
  };
  for (const Row row :
       {Row{"v5.15.160", Preempt::none, 1, true}, Row{"v5.15.160", Preempt::voluntary, 1, true},
        Row{"v5.15.160", Preempt::full, 1, false}, Row{"v5.15.160", Preempt::none, 2, false},
        Row{"v6.1.94", Preempt::none, 1, false}}) {
    Scenario scenario = plain();
    scenario.cpus = row.cpus;
    Driver d(scenario, row.kernel, row.preempt);
    d.enter(d.leader(), Routine::synchronize_rcu_expedited);
    d.step(d.leader());
    EXPECT_EQ(d.top(d.leader()) == Routine::syscall_exit_group, row.at_once)
        << row.kernel << " " << name(row.preempt) << " " << int{row.cpus};
  }
}

TEST(Rcu, TheSnapshotIsTheEndOfAFullGracePeriod) {
  for (const bool running : {false, true}) {
    Driver d(plain(), k_kernel);
    d.s.rcu.done = 3;
    d.s.rcu.running = running ? 1 : 0;
    d.enter(d.child(), Routine::synchronize_rcu_expedited);
    d.step(d.child(), 1);
    EXPECT_EQ(d[d.child()].snap, running ? 5 : 4) << "one that runs already does not count";
  }
}

TEST(Rcu, TheFirstCallerTakesTheMutexAtOnce) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::synchronize_rcu_expedited);
  d.step(d.child(), 1);
  EXPECT_EQ(d.s.rcu.exp_mutex, d.child());
}

TEST(Rcu, TheOwnerQueuesTheWorkForTheKworkerOfItsOwnCpu) {
  Driver d = owner_sleeps();
  EXPECT_EQ(d.s.rcu.work_queued, 1);
  EXPECT_FALSE(d.asleep(d.kworker()));
  EXPECT_EQ(d[d.kworker()].allowed, 2) << "CPU 1 only";
}

TEST(Rcu, TheOwnerSleepsUninterruptiblyAndHoldsTheMutex) {
  Driver d = owner_sleeps();
  EXPECT_EQ(d[d.child()].run_state, RunState::uninterruptible);
  EXPECT_EQ(d.s.rcu.exp_mutex, d.child());
  d.until_off(d.kworker());
  EXPECT_TRUE(d.asleep(d.child())) << "the leader has not passed a quiescent state";
}

TEST(Rcu, ALaterCallerAsksAndSleepsOnTheMutex) {
  Driver d = owner_sleeps();
  d.enter(d.leader(), Routine::synchronize_rcu_expedited);
  d.step(d.leader());
  EXPECT_TRUE(is_at(d[d.leader()], ExpFunnelLock::mutex_lock));
  d.step(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d.s.rcu.requested, 2);
  EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
}

TEST(Rcu, SecondCallerPiggybacksOnARequestedGracePeriod) {
  Driver d = owner_sleeps();
  d.s.rcu.requested = 2;  // as ALaterCallerAsksAndSleepsOnTheMutex leaves it
  d.enter(d.leader(), Routine::synchronize_rcu_expedited);
  d.step(d.leader());
  EXPECT_TRUE(is_at(d[d.leader()], ExpFunnelLock::wait_event));
  d.until_off(d.leader());
  EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
  d.s.rcu.done = 2;
  wake_up(d.s, d.leader(), k_wake_normal);
  d.step(d.leader());
  EXPECT_TRUE(is_at(d[d.leader()], SynchronizeRcuExpedited::queue_work));
  d.step(d.leader());
  EXPECT_EQ(d[d.leader()].snap, 0) << "another caller's grace period served";
  EXPECT_NE(d.top(d.leader()), Routine::synchronize_rcu_expedited);
}

TEST(Rcu, WithTheMutexInHandItLooksOnceMoreWhetherItIsDone) {
  Driver d = owner_sleeps();
  d.enter(d.leader(), Routine::synchronize_rcu_expedited);
  d.until_off(d.leader());
  d.s.rcu.exp_mutex = k_no_task;
  d.s.rcu.done = 2;
  wake_up(d.s, d.leader(), k_wake_normal);
  d.step(d.leader());
  EXPECT_TRUE(is_at(d[d.leader()], SynchronizeRcuExpedited::queue_work));
  d.step(d.leader());
  EXPECT_EQ(d[d.leader()].snap, 0) << "another caller's grace period served";
  EXPECT_NE(d.top(d.leader()), Routine::synchronize_rcu_expedited);
  EXPECT_EQ(d.s.rcu.exp_mutex, k_no_task);
}

TEST(Rcu, ReleasingTheMutexWakesItsWaiters) {
  Driver d = owner_sleeps();
  d.enter(d.leader(), Routine::synchronize_rcu_expedited);
  d.until_off(d.leader());
  d.until_off(d.kworker());
  EXPECT_TRUE(d.asleep(d.leader()));
  d.until_takes(d.child(), SynchronizeRcuExpedited::wait_event);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(d.s.rcu.exp_mutex, k_no_task);
}

TEST(Rcu, TheKworkerLeavesOutItsOwnCpuAndIdleOnes) {
  Scenario scenario = plain();
  scenario.cpus = 3;
  Driver d = owner_sleeps(Preempt::none, scenario);
  d.step(d.kworker(), 1);
  EXPECT_EQ(d.s.rcu.ipi, 1) << "CPU 0 only";
  EXPECT_EQ(d.s.rcu.mask, 1);
}

TEST(Rcu, TheKworkerSendsTheInterruptAndDoesNotWaitForTheHandler) {
  Driver d = kworker_waits();
  EXPECT_EQ(d.s.rcu.ipi, 1);
  d.until_off(d.kworker());
  EXPECT_EQ(d[d.kworker()].run_state, RunState::uninterruptible);
  EXPECT_TRUE(d.offers({Event::ipi, 0, d.leader()}));
}

TEST(Rcu, ExpHandlerAsksTheCpuAndReportsOnlyAtAContextSwitch) {
  for (const Preempt preempt : {Preempt::none, Preempt::voluntary}) {
    Driver d = kworker_waits(preempt);
    d.act({Event::ipi, 0, d.leader()});
    EXPECT_EQ(d.s.rcu.mask, 1);
    EXPECT_EQ(d.s.rcu.asked, 1);
    EXPECT_EQ(d.s.need_resched, 1);
    EXPECT_FALSE(d.offers(Event::ipi));
    Step x = d.step_of(d.leader());
    schedule(x);
    EXPECT_EQ(d.s.rcu.mask, 0);
  }
}

TEST(Rcu, ExpHandlerDoesNothingOnACpuThatHasReported) {
  Driver d = kworker_waits();
  d.s.rcu.mask = 0;
  d.act({Event::ipi, 0, d.leader()});
  EXPECT_EQ(d.s.need_resched, 0);
  EXPECT_EQ(d.s.rcu.asked, 0);
}

TEST(Rcu, AContextSwitchOfACpuThatWasNotAskedReportsNothing) {
  Driver d = kworker_waits();
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_EQ(d.s.rcu.mask, 1);
}

TEST(Rcu, ExpHandlerReportsAtOnceOnAnIdleCpu) {
  Driver d = kworker_waits();
  d.s.rcu.asked = 0;
  Step x = d.step_of(d.leader());
  sleep_in(x, RunState::uninterruptible);
  d.act({Event::ipi, 0, k_no_task});
  EXPECT_EQ(d.s.rcu.mask, 0);
}

TEST(Rcu, ExpHandlerWithPreemptibleRcuReportsAtOnceOutsideAReader) {
  Driver d = kworker_waits(Preempt::full);
  d.act({Event::ipi, 0, d.leader()});
  EXPECT_EQ(d.s.rcu.mask, 0);
}

TEST(Rcu, ExpHandlerInsideAReaderLeavesTheReportToTheUnlock) {
  Driver d = kworker_waits(Preempt::full);
  Step x = d.step_of(d.leader());
  rcu_read_lock(x);
  d.act({Event::ipi, 0, d.leader()});
  EXPECT_EQ(d.s.rcu.mask, 1);
  rcu_read_unlock(x);
  EXPECT_EQ(d.s.rcu.mask, 0);
}

TEST(Rcu, APreemptedReaderHoldsUpTheGracePeriodUntilItsUnlock) {
  Driver d = kworker_waits(Preempt::full);
  Step x = d.step_of(d.leader());
  rcu_read_lock(x);
  wake_up(d.s, d.child(), k_wake_normal);
  d.act({Event::tick, 0, d.leader()});
  EXPECT_TRUE(d[d.leader()].flags & k_rcu_blocks_gp);
  d.until_off(d.kworker());
  d.act({Event::pick, 0, d.leader()});
  d.act({Event::ipi, 0, d.leader()});
  d.s.rcu.mask = d.s.rcu.asked = 0;
  EXPECT_TRUE(d.asleep(d.kworker()));
  Step y = d.step_of(d.leader());
  rcu_read_unlock(y);
  EXPECT_FALSE(d.asleep(d.kworker()));
}

TEST(Rcu, WithAPreemptCountTheHandlerReportsOutsideAReader) {
  for (const bool counted : {false, true}) {
    Variant variant = find_kernel(k_kernel)->variant;
    variant.set(Switch::preempt_count_quiescent, counted);
    Driver d(plain(), variant);
    d.s.rcu.mask = d.s.rcu.ipi = 1;
    d.act({Event::ipi, 0, d.leader()});
    EXPECT_EQ(d.s.rcu.mask == 0, counted);
  }
}

TEST(Rcu, TheEndWakesEverybodyWhoWaitedForIt) {
  Driver d = kworker_waits();
  d.until_off(d.kworker());
  d.act({Event::ipi, 0, d.leader()});
  Step x = d.step_of(d.leader());
  schedule(x);
  EXPECT_FALSE(d.asleep(d.kworker()));
  d.step(d.kworker(), 1);
  EXPECT_EQ(d.s.rcu.done, 1);
  EXPECT_FALSE(d.asleep(d.child()));
}

TEST(Rcu, ASpinningReaperIsNeverQuiescentWithoutPreemption) {
  Driver d(plain(), k_kernel);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes, 0);
  d[d.leader()].tif = k_tif_notify_signal;
  d.until_returned(d.leader(), k_wait_restartsys);
  d.until_off(d.child(), 1);
  d.until_off(d.kworker(), 1);
  d.act({Event::ipi, 0, d.leader()});
  for (int i = 0; i < 50; ++i) d.step(d.leader());
  EXPECT_EQ(d.s.rcu.mask, 1);
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Rcu, WithPreemptibleRcuASpinningReaperDoesNotHoldUpTheGracePeriod) {
  Driver d(plain(), k_kernel, Preempt::full);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes, 0);
  d[d.leader()].tif = k_tif_notify_signal;
  d.until_returned(d.leader(), k_wait_restartsys);
  d.until_off(d.child(), 1);
  d.until_off(d.kworker(), 1);
  d.act({Event::ipi, 0, d.leader()});
  d.until_off(d.kworker(), 1);
  d.until_off(d.child(), 1);
  EXPECT_EQ(d[d.child()].exit_state, ExitState::released);
  d.until_returned(d.leader(), k_wait_echild);
}

}  // namespace
}  // namespace unzap::kernel
