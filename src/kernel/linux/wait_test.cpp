// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/wait.md.
#include "kernel/linux/wait.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/linux/pid_namespace.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

/// Init's leader calls do_wait(); the child lives. Its next step is the first of do_wait().
Driver waiting() {
  Driver d(plain(), k_kernel);
  d.enter(d.leader(), ZapPidNsProcesses::wait_for_children);
  d.enter(d.leader(), Routine::do_wait);
  return d;
}

TEST(Wait, DoWaitSetsItsStateBeforeItScans) {
  Driver d = waiting();
  d.step(d.leader());
  EXPECT_EQ(d[d.leader()].run_state, RunState::interruptible);
  EXPECT_TRUE(is_at(d[d.leader()], DoWait::do_wait_thread));
}

TEST(Wait, AChildThatDiesBetweenTheScanAndTheSleepPreventsTheSleep) {
  Driver d = waiting();
  d.step(d.leader());
  d.step(d.leader());
  d.s.processes[0].sigchld_ignored = 1;
  d.enter(d.child(), Routine::exit_notify);
  d.step(d.child());
  EXPECT_EQ(d[d.leader()].run_state, RunState::running) << "woken in do_wait()";
  d.until_takes(d.leader(), DoWait::schedule);
  EXPECT_FALSE(d.asleep(d.leader()));
  d.until_returned(d.leader(), k_wait_echild);
}

TEST(Wait, WithAFlagPendingItReturnsErestartsysWithoutASleep) {
  for (const std::uint8_t flag : {k_tif_sigpending, k_tif_notify_signal}) {
    Driver d = waiting();
    d[d.leader()].tif = flag;
    d.until_returned(d.leader(), k_wait_restartsys);
    EXPECT_EQ(d[d.leader()].ret, k_wait_restartsys);
    EXPECT_EQ(d.s.current[0], d.leader()) << "it never left its CPU";
    EXPECT_EQ(d[d.leader()].run_state, RunState::running);
    EXPECT_EQ(d.top(d.leader()), Routine::zap_pid_ns_processes);
  }
}

TEST(Wait, TheRoundWithAFlagPendingHasNoReschedPoint) {
  for (const Preempt preempt : {Preempt::none, Preempt::voluntary}) {
    Driver d(plain(), k_kernel, preempt);
    d.enter(d.leader(), ZapPidNsProcesses::wait_for_children);
    d[d.leader()].tif = k_tif_notify_signal;
    d.s.need_resched = 1;
    for (int i = 0; i < 20; ++i) d.step(d.leader());
    EXPECT_EQ(d.s.current[0], d.leader()) << name(preempt);
  }
}

TEST(Wait, WithoutAFlagItSleepsInterruptibly) {
  Driver d = waiting();
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.leader()].run_state, RunState::interruptible);
}

TEST(Wait, AFlagSetBetweenTheTestAndTheSleepIsNotLost) {
  // schedule() looks again; in the model test and sleep are one step, so the wake-up must do it.
  Driver d = waiting();
  d.until_off(d.leader());
  d[d.leader()].tif = k_tif_notify_signal;
  EXPECT_TRUE(wake_up(d.s, d.leader(), k_wake_interruptible));
  d.until_returned(d.leader(), k_wait_restartsys);
}

TEST(Wait, ADeadChildDoesNotCount) {
  for (const ExitState gone : {ExitState::dead, ExitState::released}) {
    Driver d = waiting();
    d[d.child()].exit_state = gone;
    d.until_returned(d.leader(), k_wait_echild);
    EXPECT_EQ(d[d.leader()].ret, k_wait_echild);
    EXPECT_EQ(d[d.leader()].run_state, RunState::running);
  }
}

TEST(Wait, EchildDoesNotMeanThatThePidsAreGone) {
  Driver d = waiting();
  d[d.child()].exit_state = ExitState::dead;
  const int pids = d.s.pid_ns[0].pid_allocated;
  d.until_returned(d.leader(), k_wait_echild);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, pids);
}

TEST(Wait, AZombieChildIsReapedAndTheCallEnds) {
  Driver d = waiting();
  d[d.child()].exit_state = ExitState::zombie;
  d.until(d.leader(), [&](const State& now, const Task&) {
    return now.tasks[d.child()].exit_state == ExitState::released;
  });
  EXPECT_EQ(d[d.child()].exit_state, ExitState::released);
  EXPECT_EQ(d[d.leader()].ret, k_wait_reaped);
  EXPECT_EQ(d.top(d.leader()), Routine::zap_pid_ns_processes);
}

TEST(Wait, AZombieLeaderWithLivingThreadsCountsAsWaitForIt) {
  Scenario scenario = plain();
  add_sqpoll_thread(scenario.processes[1]);
  Driver d(scenario, k_kernel);
  d.enter(d.leader(), ZapPidNsProcesses::wait_for_children);
  d.enter(d.leader(), Routine::do_wait);
  d[d.child()].exit_state = ExitState::zombie;
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
}

TEST(Wait, ItWalksTheChildrenOfEveryThreadOfTheGroup) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  EXPECT_EQ(d[d.child()].parent, d.leader());
  d.enter(d.worker(), ZapPidNsProcesses::wait_for_children);
  d.enter(d.worker(), Routine::do_wait);
  d.step(d.worker(), 1);
  d.step(d.worker());
  EXPECT_TRUE(is_at(d[d.worker()], DoWait::schedule)) << "the leader's child counts";
}

TEST(Wait, ChildrenOfAParentOutsideAreInvisible) {
  Driver d = waiting();
  d[d.child()].parent = k_outside;
  d.until_returned(d.leader(), k_wait_echild);
}

TEST(Wait, ADyingChildWakesOnlyInterruptibleSleepers) {
  for (const RunState state : {RunState::interruptible, RunState::uninterruptible, RunState::idle}) {
    Driver d = waiting();
    d.until_off(d.leader());
    d[d.leader()].run_state = state;
    d.enter(d.child(), Routine::exit_notify);
    d.step(d.child());
    EXPECT_EQ(d.asleep(d.leader()), state != RunState::interruptible);
  }
}

TEST(Wait, TheWakeUpOfAnAutoreapedChildComesBeforeItsRelease) {
  Driver d = waiting();
  d.until_off(d.leader());
  d.s.processes[0].sigchld_ignored = 1;
  d.enter(d.child(), Routine::exit_notify);
  d.step(d.child(), 1);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.child()].exit_state, ExitState::dead);
}

}  // namespace
}  // namespace unzap::kernel
