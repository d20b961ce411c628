// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/io_wq.md.
#include "kernel/linux/io_wq.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_old = "v5.15.160";
constexpr auto k_mid = "v6.1.94";
constexpr auto k_new = "v6.1.192";

Scenario ends_by_exit(Scenario s) {
  s.processes[0].ends =
      Ending::exit;  // no SIGKILL: workers learn of the end from the exit bit and its signal alone
  return s;
}

Scenario asks_for_a_worker() {
  Scenario s = with_workers({WorkerStart::about_to_read});
  ring_of(s).unbounded = 1;
  return s;
}

TEST(IoWq, WorkerRefsCountTheOwnerAndEveryWorker) {
  EXPECT_EQ(Driver(with_workers({}), k_old).s.wqs[0].worker_refs, 1);
  EXPECT_EQ(Driver(with_workers({WorkerStart::idle, WorkerStart::idle}), k_old).s.wqs[0].worker_refs, 3);
}

TEST(IoWq, AWorkerThatGoesToSleepWithWorkLeftNotifiesTheOwner) {
  Driver d(asks_for_a_worker(), k_old);
  d.until_at(d.worker(), IoQueueWorkerCreate::set_notify_signal, 1);
  EXPECT_FALSE(d.notified(d.leader())) << "push and notification are two steps";
  d.until_notified(d.worker(), d.leader(), 1);
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(IoWq, TheRequestForAWorkerHoldsTwoReferencesOnTheQueueAndOneOnTheWorker) {
  Driver d(asks_for_a_worker(), k_old);
  d.until_takes(d.worker(), IoQueueWorkerCreate::take_references, 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 4);
  EXPECT_EQ(d[d.worker()].worker_ref, 2);
  d.until_takes(d.worker(), IoQueueWorkerCreate::put_references, 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 3) << "the one for the time of the call is gone";
}

TEST(IoWq, NoWorkerIsAskedForOnceTheExitBitIsSet) {
  Driver d(asks_for_a_worker(), k_old);
  d.until_in(d.worker(), Routine::io_queue_worker_create, 1);
  d.s.wqs[0].exit = 1;
  d.step(d.worker());
  EXPECT_NE(d.top(d.worker()), Routine::io_queue_worker_create);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 2);
  EXPECT_EQ(d[d.leader()].works, 0);
  EXPECT_FALSE(d.notified(d.leader()));
}

TEST(IoWq, IfTheExitBitCameMeanwhileTheWorkIsTakenBackAndTheFlagStays) {
  Driver d(asks_for_a_worker(), k_old);
  d.until_notified(d.worker(), d.leader(), 1);
  d.s.wqs[0].exit = 1;
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.tasks[d.leader()].works == 0; }, 1);
  EXPECT_EQ(d[d.leader()].works, 0);
  EXPECT_TRUE(d.notified(d.leader()));
  EXPECT_EQ(d.s.wqs[0].worker_refs, 2);
  EXPECT_EQ(d[d.worker()].worker_ref, 1);
}

TEST(IoWq, TheLoopTestsTheExitBitThenSetsItsStateThenLooksForWork) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  wake_up(d.s, d.worker(), k_wake_normal);
  d.until_at(d.worker(), IoWorker::set_current_state, 1);
  EXPECT_EQ(d[d.worker()].run_state, RunState::running);
  d.until_takes(d.worker(), IoWorker::set_current_state);
  EXPECT_EQ(d[d.worker()].run_state, RunState::interruptible);
  EXPECT_TRUE(is_at(d[d.worker()], IoWorker::look_for_work));
  d.step(d.worker());
  EXPECT_TRUE(is_at(d[d.worker()], IoWorker::flush_signals)) << "there is none";
}

TEST(IoWq, AWorkerThatIdledLeavesUnlessItIsTheLast) {
  for (const bool last : {false, true}) {
    Scenario scenario =
        last ? with_workers({WorkerStart::idle}) : with_workers({WorkerStart::idle, WorkerStart::idle});
    scenario.environment.idle_timeouts = true;
    Driver d(scenario, k_old);
    d.fire(Environment::timeout, d.worker());
    d.until(
        d.worker(),
        [&](const State&, const Task& t) {
          return d.top(d.worker()) == Routine::io_worker_exit || (t.flags & k_on_rq) == 0;
        },
        1);
    EXPECT_EQ(d.asleep(d.worker()), last);
    EXPECT_EQ(d.s.wqs[0].nr_workers[0], 1);
  }
}

TEST(IoWq, BeforeItSleepsTheWorkerClearsTheFlag) {
  for (const auto* kernel : {k_old, k_mid, k_new}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until_at(d.worker(), IoWorker::flush_signals, 1);
    d[d.worker()].tif = k_tif_notify_signal;
    d.step(d.worker());
    EXPECT_FALSE(d.notified(d.worker())) << kernel;
  }
}

TEST(IoWq, InFiveFifteenASetFlagSendsTheWorkerBackToTheExitTestLaterItSleeps) {
  for (const auto& [kernel, again] : {std::pair{k_old, true}, std::pair{k_mid, false}}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until_at(d.worker(), IoWorker::flush_signals, 1);
    d[d.worker()].tif = k_tif_notify_signal;
    d.step(d.worker());
    d.s.wqs[0].exit = 1;
    EXPECT_TRUE(is_at(d[d.worker()], again ? IoWorker::test_exit : IoWorker::schedule_timeout)) << kernel;
    d.step(d.worker());
    EXPECT_TRUE(is_at(d[d.worker()], again ? IoWorker::drain : IoWorker::woken)) << kernel;
  }
}

TEST(IoWq, AfterTheSleepEitherFlagLeadsToGetSignal) {
  for (const std::uint8_t flag : {k_tif_sigpending, k_tif_notify_signal}) {
    Driver d(with_workers({WorkerStart::idle}), k_new);
    d[d.worker()].tif = flag;
    wake_up(d.s, d.worker(), k_wake_normal);
    d.step(d.worker(), 1);
    EXPECT_EQ(d.top(d.worker()), Routine::get_signal);
  }
}

TEST(IoWq, TheOwnerSignalsAWorkerByFlagThenWakeUp) {
  Driver d(ends_by_exit(with_workers({WorkerStart::idle})), k_new);
  d.until_notified(d.leader(), d.worker());
  EXPECT_TRUE(d.notified(d.worker()));
  EXPECT_TRUE(d.asleep(d.worker())) << "the wake-up is a step of its own";
  d.step(d.leader());
  EXPECT_FALSE(d.asleep(d.worker()));
}

TEST(IoWq, TheSecondStepWakesAnUninterruptibleSleeperToo) {
  Driver d(ends_by_exit(with_workers({WorkerStart::idle})), k_new);
  d[d.worker()].run_state = RunState::uninterruptible;
  d[d.worker()].tif = k_tif_notify_signal;
  d.until_takes(d.leader(), IoWqPutAndExit::wake_up_process);
  EXPECT_FALSE(d.asleep(d.worker()));
}

TEST(IoWq, WorkerGonePastItsLastReferenceIsNotSignalled) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d.until_takes(d.leader(), IoWqPutAndExit::exit_workers, 0);
  d.until_takes(d.worker(), IoWorkerExit::io_worker_release, 1);
  EXPECT_EQ(d[d.worker()].worker_ref, 0);
  d.until_off(d.leader(), 0);
  EXPECT_FALSE(d.notified(d.worker()));
}

TEST(IoWq, TheOwnerCanSignalAWorkerThatWaitsForTheOwnersReference) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d.until_notified(d.leader(), d.worker(), 0);
  d.until_off(d.worker(), 1);
  EXPECT_EQ(d.top(d.worker()), Routine::io_worker_exit);
  EXPECT_EQ(d[d.worker()].run_state, RunState::uninterruptible);
  d.step(d.leader());
  EXPECT_FALSE(d.asleep(d.worker()));
  d.until_off(d.worker(), 1);
  EXPECT_EQ(d.top(d.worker()), Routine::io_worker_exit) << "a stray wake-up has no effect";
  d.step(d.leader());
  EXPECT_FALSE(d.asleep(d.worker())) << "the last put completes ref_done";
}

TEST(IoWq, TheOwnersWaitIsUninterruptible) {
  Driver d(with_workers({WorkerStart::reading}), k_old);
  d.until_off(d.leader());
  EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
  EXPECT_FALSE(wake_up(d.s, d.leader(), k_wake_interruptible));
}

TEST(IoWq, TheDropOfWorkerRefsToZeroWakesTheOwnerBeforePfExiting) {
  Driver d(with_workers({WorkerStart::idle}), k_old);
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader()));
  d.until_takes(d.worker(), IoWorkerExit::io_worker_ref_put, 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 0);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_FALSE(d.exiting(d.worker()));
  d[d.leader()].flags |= k_pf_exiting;
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), d.worker());
}

TEST(IoWq, PfIoWorkerIsClearedUntilSixSixKeepsIt) {
  for (const auto& [kernel, kept] :
       {std::pair{k_old, false}, std::pair{k_mid, false}, std::pair{"v6.6.34", true}}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    d.until_off(d.leader(), 0);
    d.until(
        d.worker(), [&](const State& now, const Task&) { return now.wqs[0].worker_refs == 0; }, 1);
    EXPECT_EQ((d[d.worker()].flags & k_pf_io_worker) != 0, kept) << kernel;
  }
}

TEST(IoWq, AnIdleWorkerLeavesWithTheFlagInFiveFifteen) {
  for (const auto& [kernel, flagged] : {std::pair{k_old, true}, std::pair{k_mid, false}}) {
    Driver d(ends_by_exit(with_workers({WorkerStart::idle})), kernel);
    d.until_off(d.leader(), 0);
    d.until_takes(d.worker(), DoExit::exit_signals, 1);
    EXPECT_EQ(d.notified(d.worker()), flagged) << kernel;
  }
}

TEST(IoWq, AWorkerThatSeesTheExitBitByItselfLeavesWithTheFlagInAllVersions) {
  for (const auto* kernel : {k_old, k_mid, k_new, "v6.6.34"}) {
    Scenario scenario = ends_by_exit(with_workers({WorkerStart::idle}));
    scenario.environment.idle_timeouts = true;
    Driver d(scenario, kernel);
    d.until_takes(d.leader(), IoWqPutAndExit::exit_workers, 0);
    d.fire(Environment::timeout, d.worker());
    d.until_at(d.worker(), IoWorker::drain, 1);
    d.until_off(d.leader(), 0);
    d.until_takes(d.worker(), DoExit::exit_signals, 1);
    EXPECT_TRUE(d.notified(d.worker())) << kernel;
  }
}

TEST(IoWq, TakingUpAnItemClearsTheFlagPuttingItDownDoesNot) {
  Scenario scenario = with_workers({WorkerStart::idle});
  ring_of(scenario).bounded = 1;
  Driver d(scenario, k_old);
  wake_up(d.s, d.worker(), k_wake_normal);
  d.until(
      d.worker(), [&](const State&, const Task& t) { return t.item == k_item_bounded; }, 1);
  d[d.worker()].tif = k_tif_notify_signal;
  d.step(d.worker());
  EXPECT_FALSE(d.notified(d.worker()));
  d[d.worker()].tif = k_tif_notify_signal;
  d.until_takes(d.worker(), IoWqDoWork::io_issue_sqe, 1);
  EXPECT_TRUE(d.notified(d.worker()));
}

TEST(IoWq, WithTheExitBitUnboundedItemsAreCancelled) {
  Scenario scenario = ends_by_exit(with_workers({WorkerStart::reading}));
  ring_of(scenario).unbounded = 1;
  Driver d(scenario, k_new);
  d.until_off(d.leader(), 0);
  d.until(
      d.worker(), [&](const State&, const Task& t) { return t.item == k_item_cancel; }, 1);
  d.until_at(d.worker(), IoWqDoWork::set_notify_signal, 1);
  EXPECT_EQ(d[d.leader()].works, k_work_request);
}

TEST(IoWq, InSixOneOneNineTwoABoundedItemInTheLastDrainLeavesTheFlag) {
  for (const auto& [kernel, flagged] : {std::pair{k_mid, false}, std::pair{k_new, true}}) {
    Scenario scenario = with_workers({WorkerStart::idle});
    ring_of(scenario).bounded = 1;
    Driver d(scenario, kernel);
    d.until_off(d.leader(), 0);
    d.until_takes(d.worker(), IoWorker::drain, 1);
    d.until_takes(d.worker(), DoExit::exit_signals, 1);
    EXPECT_EQ(d.notified(d.worker()), flagged) << kernel;
  }
}

TEST(IoWq, TheSameItemInsideTheLoopLeavesNoTrace) {
  Scenario scenario = with_workers({WorkerStart::idle});
  ring_of(scenario).bounded = 1;
  Driver d(scenario, k_new);
  wake_up(d.s, d.worker(), k_wake_normal);
  d.until(
      d.worker(), [&](const State&, const Task& t) { return t.item == k_item_bounded; }, 1);
  d.s.wqs[0].exit = 1;
  d.until_notified(d.worker(), d.worker(), 1);
  d.until_at(d.worker(), IoWorker::drain, 1);
  EXPECT_FALSE(d.notified(d.worker()));
}

TEST(IoWq, AfterHandlingWorkTheWorkerTestsTheExitBitBeforeItSleeps) {
  for (const auto* kernel : {k_old, k_mid, k_new}) {
    Scenario scenario = ends_by_exit(with_workers({WorkerStart::idle}));
    ring_of(scenario).bounded = 1;
    Driver d(scenario, kernel);
    wake_up(d.s, d.worker(), k_wake_normal);
    d.until(
        d.worker(), [&](const State&, const Task& t) { return t.item == k_item_bounded; }, 1);
    d.until_off(d.leader(), 0);  // the exit bit, and the one signal, which the item consumes
    d.until_at(d.worker(), IoWorker::drain, 1);
  }
}

TEST(IoWq, WorkThatNoWorkerTookIsCancelledByTheOwnerAndSetsTheFlagOnItself) {
  Scenario scenario = with_workers({});
  ring_of(scenario).bounded = 1;
  Driver d(scenario, k_old);
  d.until_at(d.leader(), IoWqPutAndExit::set_notify_signal);
  EXPECT_EQ(d[d.leader()].works, k_work_request);
  EXPECT_FALSE(d.notified(d.leader()));
  d.step(d.leader());
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(IoWq, AReadBreaksOffWithEitherFlag) {
  for (const std::uint8_t flag : {k_tif_sigpending, k_tif_notify_signal}) {
    Driver d(with_workers({WorkerStart::reading}), k_new);
    d[d.worker()].tif = flag;
    wake_up(d.s, d.worker(), k_wake_normal);
    d.step(d.worker(), 1);
    EXPECT_TRUE(is_at(d[d.worker()], IoWqDoWork::set_notify_signal)) << "the read has failed";
  }
}

/// A worker in io_worker_handle_work() that has taken the first of two reads; the exit bit comes then.
Driver exit_bit_between_two_items(std::string_view kernel) {
  Scenario s = ends_by_exit(with_workers({WorkerStart::about_to_read}));
  ring_of(s).unbounded = 1;
  Driver d(s, kernel);
  d[d.worker()].item = k_item_none;
  Task& worker = d[d.worker()];
  worker.depth -= 1;  // the first read is through
  d.s.wqs[0].exit = 1;
  return d;
}

TEST(IoWq, TheExitBitIsLookedAtForEachCallOrForEachItem) {
  Driver old = exit_bit_between_two_items(k_mid);
  old.until_in(old.worker(), Routine::io_wq_do_work, 1);
  EXPECT_EQ(old[old.worker()].item, k_item_unbounded) << "the call began before the bit was set";
  Driver d = exit_bit_between_two_items(k_new);
  d.until_in(d.worker(), Routine::io_wq_do_work, 1);
  EXPECT_EQ(d[d.worker()].item, k_item_cancel);
}

TEST(IoWq, AWorkerThatHasNeverRunCanBeSignalledAndLeavesWithTheFlag) {
  for (const auto kernel : {k_old, k_mid, k_new}) {
    Driver d(ends_by_exit(with_workers({WorkerStart::created})), kernel);
    EXPECT_FALSE(d.asleep(d.worker())) << "runnable, and has not run";
    d.until_notified(d.leader(), d.worker(), 0);
    d.until_at(d.worker(), IoWorker::drain, 1);
    d.until_in(d.worker(), Routine::io_worker_exit, 1);
    EXPECT_TRUE(d.notified(d.worker())) << kernel;
  }
}

TEST(IoWq, QueuedBoundedWorkHasWokenAnIdleWorkerForEachItem) {
  Scenario s = with_workers({WorkerStart::idle, WorkerStart::idle});
  ring_of(s).bounded = 1;
  Driver d(s, k_new);
  EXPECT_FALSE(d.asleep(d.worker(0)));
  EXPECT_TRUE(d.asleep(d.worker(1)));
}

TEST(IoWq, AWorkerTakesOnlyWorkOfItsOwnAccount) {
  Scenario s = with_workers({WorkerStart::idle});
  ring_of(s).unbounded = 1;
  Driver d(s, k_new);
  wake_up(d.s, d.worker(), k_wake_interruptible);
  d.until_at(d.worker(), IoWorker::flush_signals, 1);
  EXPECT_EQ(d.s.wqs[0].queued[1], 1);
}

/// A leader asleep, a worker that goes to sleep in a read while another read is queued, and a worker to be
/// made.
Driver asks_for_a_worker(const char* kernel) {
  Scenario s = with_workers({WorkerStart::about_to_read});
  ring_of(s).unbounded = 1;
  ring_of(s).may_create = 1;
  s.processes[0].ends = Ending::sigkill;
  Driver d(s, kernel);
  d.until_notified(d.worker(0), d.leader(), 1);
  return d;
}

TEST(IoWq, TheOwnerMakesTheWorkerThatAnotherOneAskedFor) {
  Driver d = asks_for_a_worker(k_old);
  const TaskNo fresh = d.worker(1);
  EXPECT_EQ(d[fresh].exit_state, ExitState::released) << "it does not exist yet";
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 3);
  d.until(
      d.leader(),
      [&](const State& now, const Task&) { return now.tasks[fresh].exit_state == ExitState::none; }, 0);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 4);
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 4);
  EXPECT_EQ(d.s.wqs[0].nr_workers[1], 2);
  d.until_off(d.worker(0), 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 3) << "the wq itself, and two workers";
  EXPECT_EQ(d[d.worker(0)].creating, 0);
  d.until(
      fresh, [&](const State&, const Task& t) { return t.item == k_item_unbounded; }, 1);
}

TEST(IoWq, AWorkerIsMadeWithTheFlagOfItsMaker) {
  Driver d = asks_for_a_worker("v6.1.192");
  d.until_in(d.leader(), Routine::task_work_run, 0);
  d[d.leader()].tif |= k_tif_notify_signal;
  d.until(
      d.leader(),
      [&](const State& now, const Task&) { return now.tasks[d.worker(1)].exit_state == ExitState::none; }, 0);
  EXPECT_TRUE(d.notified(d.worker(1)));
}

TEST(IoWq, NoWorkerIsMadeByAnOwnerThatIsBeingKilled) {
  Driver d = asks_for_a_worker(k_old);
  d.until_in(d.leader(), Routine::task_work_run, 0);
  d[d.leader()].tif |= k_tif_sigpending;
  d.until(
      d.leader(), [&](const State&, const Task& t) { return (t.works & k_work_create) == 0; }, 0);
  EXPECT_EQ(d[d.worker(1)].exit_state, ExitState::released);
  EXPECT_EQ(d[d.worker(0)].creating, 0);
}

TEST(IoWq, NobodyAsksForAWorkerWhileAnotherOneOfTheAccountRuns) {
  Scenario s = with_workers({WorkerStart::about_to_read, WorkerStart::about_to_read});
  ring_of(s).unbounded = 1;
  s.processes[0].ends = Ending::sigkill;
  Driver d(s, k_old);
  d.until_off(d.worker(0), 0);
  EXPECT_EQ(d[d.worker(0)].creating, 0) << "the other one has not slept yet";
  d.until_takes(d.worker(1), IoQueueWorkerCreate::take_references, 1);
}

TEST(IoWq, RequestsOfOneHashAreExecutedOneAfterAnotherByOneWorker) {
  Scenario s = with_workers({WorkerStart::created, WorkerStart::created});
  ring_of(s).hashed = 2;
  Driver d(s, k_old);
  d.until(
      d.worker(0),
      [&](const State& now, const Task& t) { return (t.local & k_holds_hash) != 0 && now.wqs[0].chain == 2; },
      1);
  d.until_off(d.leader(), 0);
  d.until(
      d.worker(0), [&](const State& now, const Task&) { return now.wqs[0].chain == 1; }, 1);
  EXPECT_EQ(d.s.wqs[0].chain, 1);
  d.until(
      d.worker(0), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 1);
  EXPECT_EQ(d.s.wqs[0].chain, 0);
}

TEST(IoWq, TheOwnerFailsHashedWorkThatNobodyTook) {
  Scenario s = with_workers({});
  ring_of(s).hashed = 1;
  Driver d(s, k_old);
  d.until_takes(d.leader(), IoWqPutAndExit::io_wq_destroy);
  EXPECT_EQ(d.s.wqs[0].hashed, 0);
}

}  // namespace
}  // namespace unzap::kernel
