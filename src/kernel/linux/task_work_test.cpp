// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/task_work.md.
#include "kernel/linux/task_work.hpp"

#include "kernel/linux/signal.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

Scenario armed() {
  Scenario s = with_workers({});
  ring_of(s).armed = true;
  return s;
}

TEST(TaskWork, AnAddFailsBeforeItTouchesAFlagOnceTheSentinelIsIn) {
  Driver d(plain(), k_kernel);
  d[d.child()].works = k_work_exited;
  EXPECT_FALSE(task_work_push(d.s, d.child(), k_work_request));
  EXPECT_EQ(d[d.child()].works, k_work_exited);
  EXPECT_FALSE(d.notified(d.child()));
}

TEST(TaskWork, TheSentinelAloneIsNoWork) {
  Task task{};
  task.works = k_work_exited;
  EXPECT_FALSE(has_task_work(task));
  task.works = k_work_request;
  EXPECT_TRUE(has_task_work(task));
}

TEST(TaskWork, AddingIsTwoStepsTheFlagMayLandAfterTheWorkRan) {
  // A worker is the last user of init's files, so the ring is released by it; its request is the leader's.
  Scenario scenario = armed();
  ring_of(scenario).workers = {WorkerStart::idle};
  Driver d(scenario, k_kernel);
  d.until_off(d.leader(), 0);  // waits for its worker
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].worker_refs == 0; }, 1);
  d.until_takes(d.worker(), DoExit::exit_signals, 1);
  d.until_takes(d.leader(), DoExit::exit_task_namespaces, 0);
  d.until_at(d.worker(), IoRingCtxWaitAndKill::set_notify_signal, 1);
  EXPECT_EQ(d[d.leader()].works, k_work_request);
  EXPECT_FALSE(d.notified(d.leader())) << "the push came first";
  d.until(
      d.leader(), [&](const State&, const Task& t) { return t.works == k_work_exited; }, 0);
  EXPECT_EQ(d[d.leader()].works, k_work_exited);
  d.until_notified(d.worker(), d.leader(), 1);
  EXPECT_TRUE(d.notified(d.leader())) << "the flag landed when the work had run and nothing can be added";
}

TEST(TaskWork, TheSignalModeWakesAnInterruptibleSleeper) {
  Driver d(plain(), k_kernel);
  Step x = d.step_of(d.leader());
  task_work_notify(x, d.child());
  EXPECT_TRUE(d.notified(d.child()));
  EXPECT_FALSE(d.asleep(d.child()));
}

TEST(TaskWork, ANotifyingTaskThatIsItsOwnTargetOnlySetsTheFlag) {
  Driver d(plain(), k_kernel);
  Step x = d.step_of(d.leader());
  task_work_notify(x, d.leader());
  EXPECT_TRUE(d.notified(d.leader()));
  EXPECT_EQ(d.s.current[0], d.leader());
  EXPECT_EQ(d.s.need_resched, 0);
}

TEST(TaskWork, TheSwitchTakesTheNotificationAwayNotTheWork) {
  Variant variant = find_kernel(k_kernel)->variant;
  variant.set(Switch::notify_task_of_request, false);
  Driver d(plain(), variant);
  Step x = d.step_of(d.leader());
  EXPECT_TRUE(task_work_push(d.s, d.child(), k_work_request));
  task_work_notify(x, d.child());
  EXPECT_FALSE(d.notified(d.child()));
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(TaskWork, RunningTheWorkDoesNotTouchTheFlag) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::task_work_run);
  d[d.child()].tif = k_tif_notify_signal;
  d[d.child()].works = k_work_request;
  d.step(d.child());
  EXPECT_EQ(d[d.child()].works, 0);
  EXPECT_TRUE(d.notified(d.child()));
}

TEST(TaskWork, WithoutPfExitingTheListIsLeftEmpty) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::task_work_run);
  d[d.child()].works = k_work_request;
  d.step(d.child());
  d.step(d.child());
  EXPECT_EQ(d.top(d.child()), Routine::syscall_sleep);
  EXPECT_EQ(d[d.child()].works, 0);
}

TEST(TaskWork, WithPfExitingTheEmptyListBecomesTheSentinel) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::task_work_run);
  d[d.child()].works = k_work_request;
  d[d.child()].flags |= k_pf_exiting;
  d.step(d.child());
  EXPECT_EQ(d[d.child()].works, 0) << "adding still works while the list is merely empty";
  d.step(d.child());
  EXPECT_EQ(d[d.child()].works, k_work_exited);
}

TEST(TaskWork, ACallbackMayAddWorkToTheSameTaskAndItStillRuns) {
  Driver d(armed(), k_kernel);
  d.until_in(d.leader(), Routine::io_ring_ctx_wait_and_kill);
  d.until_at(d.leader(), IoRingCtxWaitAndKill::set_notify_signal);
  EXPECT_EQ(d[d.leader()].works, k_work_request);
  d.until(d.leader(), [&](const State&, const Task& t) { return (t.works & k_work_request) == 0; });
  d.until(d.leader(), [&](const State&, const Task& t) { return t.works == k_work_exited; });
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(TaskWork, ExitTaskWorkPutsTheSentinelInWhenNothingIsQueued) {
  Driver d(plain(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_task_work);
  EXPECT_EQ(d[d.leader()].works, k_work_exited);
  EXPECT_TRUE(d.exiting(d.leader()));
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 1) << "the namespaces were dropped before";
}

TEST(TaskWork, TheLastUserOfTheFilesRunsTheFinalFputAsItsOwnTaskWork) {
  Driver d(armed(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_files);
  EXPECT_EQ(d[d.leader()].works, k_work_fput);
  EXPECT_FALSE(d.notified(d.leader())) << "TWA_RESUME sets no TIF_NOTIFY_SIGNAL";
}

TEST(TaskWork, ItOffersAReschedPointForEachCallback) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::task_work_run);
  d[d.child()].works = k_work_request;
  d.act({Event::pick, 1, d.child()});
  d.s.need_resched = 2;
  d.step(d.child());
  EXPECT_EQ(d.s.current[1], k_no_task);
  EXPECT_EQ(d[d.child()].works, k_work_request);
}

TEST(TaskWork, TakingWorkBackLeavesTheFlag) {
  Scenario scenario = with_workers({WorkerStart::about_to_read});
  ring_of(scenario).unbounded = 1;
  Driver d(scenario, k_kernel);
  d.until_notified(d.worker(), d.leader(), 1);
  EXPECT_EQ(d[d.leader()].works, k_work_create);
  d.until(d.leader(), [&](const State& now, const Task&) { return now.tasks[d.leader()].works == 0; });
  EXPECT_EQ(d[d.leader()].works, 0);
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(TaskWork, ByJobctlItSetsSigpendingWhichGetSignalTakesBack) {
  Variant v = find_kernel("v5.15.160")->variant;
  Driver d(with_workers({WorkerStart::idle}), v.set(Switch::task_work_by_jobctl, true));
  EXPECT_TRUE(set_notify_flag(d.config(), d.s, d.worker()));
  EXPECT_FALSE(set_notify_flag(d.config(), d.s, d.worker())) << "set already";
  EXPECT_FALSE(d.notified(d.worker()));
  EXPECT_TRUE(d.sigpending(d.worker()));
  EXPECT_TRUE(d[d.worker()].flags2 & k_jobctl_task_work);
  wake_up(d.s, d.worker(), k_wake_interruptible);
  d.until_takes(d.worker(), GetSignal::clear_notify_signal, 1);
  EXPECT_FALSE(d[d.worker()].flags2 & k_jobctl_task_work);
  d.until_takes(d.worker(), GetSignal::dequeue_signal, 1);
  EXPECT_FALSE(d.sigpending(d.worker()));
}

TEST(TaskWork, ByJobctlTheReaperSleepsSinceItClearsSigpendingInEveryRound) {
  Variant v = find_kernel("v5.15.160")->variant;
  Driver d(plain(), v.set(Switch::task_work_by_jobctl, true));
  d.until_in(d.leader(), Routine::zap_pid_ns_processes);
  EXPECT_TRUE(set_notify_flag(d.config(), d.s, d.leader()));
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_FALSE(d.sigpending(d.leader()));
}

}  // namespace
}  // namespace unzap::kernel
