// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/signal.md.
#include "kernel/linux/signal.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_old = "v5.15.160";
constexpr auto k_new = "v6.1.192";

TEST(Signal, SignalPendingIsTrueForEitherFlag) {
  Task task{};
  EXPECT_FALSE(signal_pending(task));
  task.tif = k_tif_sigpending;
  EXPECT_TRUE(signal_pending(task));
  task.tif = k_tif_notify_signal;
  EXPECT_TRUE(signal_pending(task));
}

TEST(Signal, TheGuardOf2026HidesTheFlagAndLeavesItSet) {
  Task task{};
  task.tif = k_tif_notify_signal;
  task.flags = k_pf_no_notify_signal;
  EXPECT_FALSE(signal_pending(task));
  EXPECT_EQ(task.tif, k_tif_notify_signal);
  task.tif |= k_tif_sigpending;
  EXPECT_TRUE(signal_pending(task)) << "real signals still count";
}

TEST(Signal, OnlyTheFirstSettingOfTheFlagIsFollowedByAWakeUp) {
  Driver d(plain(), k_old);
  EXPECT_TRUE(set_notify_flag(d.config(), d.s, d.child()));
  EXPECT_TRUE(d.notified(d.child()));
  EXPECT_TRUE(d.asleep(d.child())) << "setting the flag alone wakes nobody";
  EXPECT_FALSE(set_notify_flag(d.config(), d.s, d.child()));
}

TEST(Signal, ExitGroupGivesEveryOtherThreadAPrivateSigkill) {
  Driver d(with_workers({WorkerStart::idle, WorkerStart::reading}), k_old);
  d.until_in(d.leader(), Routine::do_exit);
  EXPECT_EQ(d.s.processes[0].group_exit, 1);
  for (const TaskNo worker : {d.worker(0), d.worker(1)}) {
    EXPECT_TRUE(d[worker].flags & k_sigkill_private);
    EXPECT_TRUE(d.sigpending(worker));
    EXPECT_FALSE(d.asleep(worker));
  }
  EXPECT_FALSE(d[d.leader()].flags & k_sigkill_private);
  EXPECT_FALSE(d.sigpending(d.child()));
}

TEST(Signal, ExitGroupKillsThreadsThatAreExitingAlready) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d[d.worker()].flags |= k_pf_exiting;
  d.until_in(d.leader(), Routine::do_exit);
  EXPECT_TRUE(d[d.worker()].flags & k_sigkill_private);
}

TEST(Signal, ExitGroupPassesOverThreadsWithAnExitState) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d[d.worker()].exit_state = ExitState::dead;
  d.until_in(d.leader(), Routine::do_exit);
  EXPECT_FALSE(d[d.worker()].flags & k_sigkill_private);
}

TEST(Signal, SigkillGoesToTheSharedSetAndToEveryThread) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  EXPECT_TRUE(send_sigkill(d.config(), d.s, d.worker()));
  EXPECT_EQ(d.s.processes[0].sigkill_shared, 1);
  EXPECT_EQ(d.s.processes[0].group_exit, 1);
  for (const TaskNo thread : {d.leader(), d.worker()}) {
    EXPECT_TRUE(d[thread].flags & k_sigkill_private);
    EXPECT_TRUE(d.sigpending(thread));
    EXPECT_FALSE(d.asleep(thread));
  }
}

TEST(Signal, SigkillToAGroupPastExitSignalsWakesNobody) {
  Driver d(plain(), k_old);
  d[d.child()].flags |= k_pf_exiting;
  EXPECT_FALSE(send_sigkill(d.config(), d.s, d.child()));
  EXPECT_EQ(d.s.processes[1].sigkill_shared, 1);
  EXPECT_FALSE(d.sigpending(d.child()));
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Signal, ADyingGroupIsNotKilledAgainTheChosenThreadIsMerelyWoken) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d.s.processes[0].group_exit = 1;
  EXPECT_TRUE(send_sigkill(d.config(), d.s, d.worker()));
  EXPECT_TRUE(d.sigpending(d.worker()));
  EXPECT_FALSE(d[d.worker()].flags & k_sigkill_private);
  EXPECT_FALSE(d.sigpending(d.leader()));
}

TEST(Signal, NewKernelsDropSignalsToADyingGroupOldOnesRecordThem) {
  for (const auto& [kernel, recorded] : {std::pair{k_old, 1}, std::pair{k_new, 0}}) {
    Driver d(plain(), kernel);
    d.s.processes[1].group_exit = 1;
    send_sigkill(d.config(), d.s, d.child());
    EXPECT_EQ(d.s.processes[1].sigkill_shared, recorded) << kernel;
    EXPECT_EQ(d.asleep(d.child()), recorded == 0) << kernel;
  }
}

TEST(Signal, GetSignalClearsTheNotifyFlagInSixOneAndNotInFiveFifteen) {
  for (const auto& [kernel, kept] : {std::pair{k_old, true}, std::pair{"v6.1.94", false}}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    d[d.worker()].tif = k_tif_notify_signal;
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until_in(d.worker(), Routine::get_signal);
    d.step(d.worker());
    EXPECT_EQ(d.notified(d.worker()), kept) << kernel;
  }
}

TEST(Signal, GetSignalRunsTaskWorkBeforeItLooksAtSignals) {
  Driver d(plain(), k_new);
  d[d.child()].works = k_work_request;
  send_sigkill(d.config(), d.s, d.child());
  d.until_in(d.child(), Routine::get_signal);
  d.step(d.child());
  EXPECT_EQ(d.top(d.child()), Routine::task_work_run);
}

TEST(Signal, FiveFifteenSeesTheDyingGroupWithoutSigpendingSixOneDoesNot) {
  for (const auto& [kernel, fatal] : {std::pair{k_old, 1}, std::pair{"v6.1.94", 0}}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    d.s.processes[0].group_exit = 1;
    d[d.worker()].tif = k_tif_notify_signal;
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until_in(d.worker(), Routine::get_signal);
    d.step(d.worker());
    d.step(d.worker());
    ASSERT_EQ(d.top(d.worker()), Routine::io_worker);
    EXPECT_EQ(d[d.worker()].ret, fatal) << kernel;
  }
}

TEST(Signal, AFatalEndTakesSigkillOutOfThePrivateSetAndRecomputesSigpending) {
  for (const bool shared : {false, true}) {
    Driver d(with_workers({WorkerStart::idle}), k_old);
    d.s.processes[0].group_exit = 1;
    d.s.processes[0].sigkill_shared = shared ? 1 : 0;
    d[d.worker()].flags |= k_sigkill_private;
    d[d.worker()].tif = k_tif_sigpending;
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until_takes(d.worker(), GetSignal::dequeue_signal);
    EXPECT_FALSE(d[d.worker()].flags & k_sigkill_private);
    EXPECT_EQ(d.sigpending(d.worker()), shared) << "a SIGKILL in the shared set stays there";
  }
}

TEST(Signal, RecalcSigpendingNeverLooksAtTheNotifyFlag) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d[d.worker()].tif = k_tif_sigpending | k_tif_notify_signal;
  wake_up(d.s, d.worker(), k_wake_normal);
  d.until_takes(d.worker(), GetSignal::dequeue_signal);
  EXPECT_FALSE(d.sigpending(d.worker()));
  EXPECT_TRUE(d.notified(d.worker()));
}

TEST(Signal, AFatalSignalReturnsToAnIoWorkerAndEndsEveryOtherThread) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  send_sigkill(d.config(), d.s, d.leader());
  send_sigkill(d.config(), d.s, d.child());
  d.until_at(d.worker(), IoWorker::drain, 1);
  EXPECT_EQ(d.top(d.worker()), Routine::io_worker);
  d.until_off(d.worker(), 1);
  d.until_in(d.child(), Routine::do_exit, 1);
  EXPECT_FALSE(d.exiting(d.child()));
}

TEST(Signal, TheWayBackToUserModeClearsTheNotifyFlag) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d(plain(), kernel);
    d[d.child()].tif = k_tif_notify_signal;
    wake_up(d.s, d.child(), k_wake_interruptible);
    d.step(d.child());
    EXPECT_EQ(d.top(d.child()), Routine::exit_to_user_mode);
    d.step(d.child());
    EXPECT_FALSE(d.notified(d.child())) << kernel;
  }
}

TEST(Signal, ExitSignalsSleepsWhileACgroupMigrationHoldsTheThreadGroups) {
  Scenario scenario = plain();
  scenario.environment.cgroup_migrations = 1;
  Driver d(scenario, k_old);
  d.fire(Environment::migrate_begin);
  d.until_off(d.leader());
  EXPECT_EQ(d.top(d.leader()), Routine::exit_signals);
  EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
  EXPECT_FALSE(d.exiting(d.leader()));
  d.fire(Environment::migrate_end);
  d.until(d.leader(), [&](const State&, const Task&) { return d.exiting(d.leader()); });
}

TEST(Signal, SigkillFromAnAncestorNamespaceKillsInit) {
  Scenario scenario = with_workers({WorkerStart::idle});
  scenario.processes[0].ends = Ending::sigkill;
  Driver d(scenario, k_old);
  EXPECT_TRUE(d.asleep(d.leader()));
  d.fire(Environment::kill);
  EXPECT_EQ(d.s.processes[0].group_exit, 1);
  EXPECT_FALSE(d.offers(Environment::kill));
  d.until_in(d.leader(), Routine::do_exit);
}

TEST(Signal, AnInitThatDoesNotEndYetIgnoresSigterm) {
  Driver d(plain(), k_old);
  EXPECT_EQ(send_sigterm(d.config(), d.s, d.leader()), Term::ignored);
  EXPECT_EQ(d.s.processes[0].sigterm_shared, 0);
  EXPECT_EQ(d.s.processes[0].group_exit, 0);
}

TEST(Signal, SigtermWithoutAHandlerBeginsAGroupExitAsSigkillDoes) {
  Driver d(plain(), k_old);
  EXPECT_EQ(send_sigterm(d.config(), d.s, d.child()), Term::killed);
  EXPECT_EQ(d.s.processes[1].group_exit, 1);
  EXPECT_NE(d[d.child()].flags & k_sigkill_private, 0);
  EXPECT_FALSE(d.asleep(d.child()));
}

TEST(Signal, SigtermToADyingGroupIsDroppedInNewKernelsAndTellsOneThreadInOldOnes) {
  for (const auto& [kernel, answer] : {std::pair{k_old, Term::woke}, std::pair{k_new, Term::dropped}}) {
    Driver d(plain(), kernel);
    d.s.processes[0].group_exit = 1;  // SIGNAL_UNKILLABLE is gone with that
    EXPECT_EQ(send_sigterm(d.config(), d.s, d.leader()), answer) << kernel;
    EXPECT_EQ(d.sigpending(d.leader()), answer == Term::woke) << kernel;
    EXPECT_EQ(d[d.leader()].flags & k_sigkill_private, 0);
  }
}

TEST(Signal, ThreadsOfIoUringBlockSigterm) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d.s.processes[0].group_exit = 1;
  d[d.leader()].flags |= k_pf_exiting;
  EXPECT_EQ(send_sigterm(d.config(), d.s, d.leader()), Term::pending);
  EXPECT_FALSE(d.sigpending(d.worker()));
  EXPECT_TRUE(send_sigkill(d.config(), d.s, d.leader())) << "but not SIGKILL";
  EXPECT_TRUE(d.sigpending(d.worker()));
}

TEST(Signal, ASigtermThatNobodyWantedIsTakenByWhoNextLooksForSignals) {
  Driver d(plain(), k_old);
  d[d.child()].tif |= k_tif_sigpending;  // as a fake signal leaves it
  EXPECT_EQ(send_sigterm(d.config(), d.s, d.child()), Term::pending);
  EXPECT_EQ(d.s.processes[1].group_exit, 0);
  wake_up(d.s, d.child(), k_wake_interruptible);
  d.until_in(d.child(), Routine::do_group_exit, 1);
  d.until_takes(d.child(), DoExit::exit_signals, 1);
  EXPECT_EQ(d.s.processes[1].group_exit, 1);
}

TEST(Signal, ASharedSigtermKeepsSigpendingSetButForThreadsThatBlockIt) {
  for (const bool blocks : {true, false}) {
    Scenario s = with_workers({WorkerStart::idle});
    own_ring_in_thread(s);
    Driver d(s, k_old);
    d.until_in(d.leader(), Routine::do_exit, 0);
    d.s.processes[0].sigterm_shared = 1;
    const TaskNo thread = blocks ? d.worker() : d.config().processes.front().submitter;
    d.until_takes(thread, GetSignal::dequeue_signal, 1);
    EXPECT_EQ(d.sigpending(thread), !blocks);
  }
}

}  // namespace
}  // namespace unzap::kernel
