// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/io_uring.md and sqpoll.md.
#include "kernel/linux/io_uring.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_old = "v5.15.160";
constexpr auto k_new = "v6.1.192";

Scenario armed() {
  Scenario s = with_workers({});
  ring_of(s).armed = true;
  return s;
}

Scenario with_sqpoll() {
  Scenario s = plain();
  add_sqpoll_thread(s.processes[1]);
  return s;
}

/// The kill walk is over: the child and its SQPOLL thread are to die, init waits for them.
Driver child_is_killed(std::string_view kernel) {
  Driver d(with_sqpoll(), kernel);
  d.until_off(d.leader(), 0);
  return d;
}

TaskNo sq_thread(const Driver& d) {
  return static_cast<TaskNo>(d.child() + 1);
}

TEST(IoUring, CancellingStartsWithTheExitBitAndLeavesArmedRequestsAlone) {
  Driver d(armed(), k_old);
  d.until(d.leader(), [&](const State& now, const Task&) { return now.wqs[0].exit != 0; });
  EXPECT_EQ(d.s.wqs[0].exit, 1);
  d.until_takes(d.leader(), DoExit::exit_signals);
  EXPECT_EQ(d.s.processes[0].armed, 1);
}

TEST(IoUring, AThreadWithoutAContextCancelsNothing) {
  Driver d(plain(), k_old);
  d.until_in(d.leader(), Routine::do_exit);
  d.until_takes(d.leader(), DoExit::exit_signals);
  EXPECT_EQ(d.s.wqs[0].exit, 0);
}

TEST(IoUring, TheReleaseOfTheRingInTheLastTaskWorkSetsTheFlagOnTheThreadItself) {
  for (const auto* kernel : {k_old, "v6.1.94", k_new, "v6.6.34"}) {
    Driver d(armed(), kernel);
    d.until_in(d.leader(), Routine::io_ring_ctx_wait_and_kill);
    EXPECT_FALSE(d.notified(d.leader()));
    d.until_notified(d.leader(), d.leader());
    d.until_in(d.leader(), Routine::zap_pid_ns_processes);
    EXPECT_EQ(d[d.leader()].works, k_work_exited) << kernel;
    EXPECT_TRUE(d.notified(d.leader())) << kernel;
  }
}

TEST(IoUring, ARingWithNothingArmedDoesNotSetTheFlag) {
  Driver d(with_workers({}), k_old);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes);
  EXPECT_FALSE(d.notified(d.leader()));
}

TEST(IoUring, ARingThatIsSharedOutsideIsNotReleased) {
  Scenario scenario = armed();
  ring_of(scenario).shared_outside = true;
  Driver d(scenario, k_old);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes);
  EXPECT_FALSE(d.notified(d.leader()));
  EXPECT_EQ(d.s.processes[0].armed, 1);
}

TEST(IoUring, OnceTheSentinelIsInACancelledRequestSetsNoFlag) {
  Driver d(armed(), k_old);
  d.until_in(d.leader(), Routine::io_ring_ctx_wait_and_kill);
  d[d.leader()].works = k_work_exited;
  d.until_takes(d.leader(), IoRingCtxWaitAndKill::cancel_requests);
  EXPECT_EQ(d.s.processes[0].armed, 0);
  EXPECT_EQ(d[d.leader()].works, k_work_exited);
  EXPECT_FALSE(d.notified(d.leader()));
}

TEST(IoUring, AWorkersFailedRequestSetsTheFlagOnTheOwnerThatWaitsForIt) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d(with_workers({WorkerStart::reading}), kernel);
    d.until_off(d.leader(), 0);
    EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
    d.until_notified(d.worker(), d.leader(), 1);
    EXPECT_TRUE(d.notified(d.leader()));
    EXPECT_TRUE(d.asleep(d.leader())) << "the wake-up is for interruptible sleepers";
    d.until(
        d.worker(), [](const State&, const Task& t) { return t.run_state == RunState::dead; }, 1);
    d.until_in(d.leader(), Routine::zap_pid_ns_processes);
    EXPECT_TRUE(d.notified(d.leader())) << kernel;
  }
}

TEST(IoUring, CompletionsGoToTheThreadThatSubmitted) {
  Scenario scenario = with_workers({WorkerStart::reading});
  own_ring_in_thread(scenario);
  Driver d(scenario, k_old);
  const auto thread = static_cast<TaskNo>(d.leader() + 1);
  EXPECT_EQ(d.config().processes.front().submitter, thread);
  d.until_in(d.leader(), Routine::do_exit);
  d.until_at(d.worker(), IoWqDoWork::set_notify_signal, 1);
  EXPECT_EQ(d[thread].works, k_work_request);
  EXPECT_EQ(d[d.leader()].works, 0);
}

TEST(SqThread, IsAMemberOfTheProcessThatLearnsOfItsDeathThroughGetSignal) {
  Driver d = child_is_killed(k_old);
  EXPECT_TRUE(d.sigpending(sq_thread(d)));
  d.until_in(sq_thread(d), Routine::get_signal, 1);
  d.until_takes(sq_thread(d), GetSignal::dequeue_signal, 1);
  EXPECT_EQ(d[sq_thread(d)].ret, 1) << "the signal is fatal";
  EXPECT_EQ(d.top(sq_thread(d)), Routine::io_sq_thread);
}

TEST(SqThread, WithoutASignalItSleepsInterruptibly) {
  Driver d(with_sqpoll(), k_old);
  wake_up(d.s, sq_thread(d), k_wake_normal);
  d.step(sq_thread(d), 1);
  EXPECT_TRUE(d.asleep(sq_thread(d)));
  EXPECT_EQ(d[sq_thread(d)].run_state, RunState::interruptible);
}

TEST(SqThread, ClearsTheFlagBeforeItCallsDoExit) {
  Driver d = child_is_killed(k_old);
  d[sq_thread(d)].tif |= k_tif_notify_signal;
  d.until_takes(sq_thread(d), IoSqThread::do_exit, 1);
  EXPECT_FALSE(d.notified(sq_thread(d)));
  EXPECT_EQ(d.top(sq_thread(d)), Routine::do_exit);
}

TEST(SqThread, NobodyWaitsForItAndItMayBeTheLastUserOfTheNamespaces) {
  Driver d = child_is_killed(k_old);
  d.until_off(d.child(), 1);
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 1);
  d.until_off(sq_thread(d), 1);
  EXPECT_EQ(d.top(sq_thread(d)), Routine::synchronize_rcu_expedited);
  const auto frames = backtrace(d.config(), d[sq_thread(d)]);
  EXPECT_EQ(frames.front(), "synchronize_rcu_expedited");
  EXPECT_EQ(frames[frames.size() - 2], "io_sq_thread");
}

}  // namespace
}  // namespace unzap::kernel
