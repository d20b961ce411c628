// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/io_wq.md about hashes that are held and requests linked to others.
#include "kernel/linux/io_wq.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_old = "v5.15.160";
constexpr auto k_new = "v6.1.192";

/// An init asleep in a system call, on CPU 0 or 1 nobody: the workers move alone.
Scenario quiet(std::vector<WorkerStart> workers) {
  Scenario s = with_workers(std::move(workers));
  s.processes[0].ends = Ending::sigkill;
  return s;
}

/// Worker 0 writes, worker 1 is awake for the next write of the same hash.
Scenario contended() {
  Scenario s = quiet({WorkerStart::writing, WorkerStart::idle});
  ring_of(s).hashed = 1;
  return s;
}

Scenario linked(std::vector<Link> links, std::vector<WorkerStart> workers = {WorkerStart::writing}) {
  Scenario s = quiet(std::move(workers));
  ring_of(s).links = std::move(links);
  return s;
}

TEST(IoWork, AWorkerThatFindsOnlyWorkOfAHeldHashStallsTheAccountAndSleeps) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d(contended(), kernel);
    d.until_at(d.worker(1), IoWorkerHandleWork::stall, 1);
    EXPECT_EQ(d.s.wqs[0].stalled, 0) << "that is a step of its own";
    d.step(d.worker(1));
    EXPECT_EQ(d.s.wqs[0].stalled, 1);
    EXPECT_EQ(d.s.wqs[0].waits, 0);
    d.step(d.worker(1));
    EXPECT_EQ(d.s.wqs[0].waits, 1);
    EXPECT_EQ(d[d.worker(1)].run_state, RunState::interruptible);
    d.until_off(d.worker(1), 1);
    EXPECT_TRUE(d.asleep(d.worker(1))) << kernel;
    EXPECT_EQ(d.s.wqs[0].waits, 1);
    EXPECT_EQ(d.s.wqs[0].hashed, 1);
  }
}

TEST(IoWork, WhoeverIsWokenInTheMidstOfThatDoesNotSleep) {
  Driver d(contended(), k_new);
  d.until_takes(d.worker(1), IoWorkerHandleWork::stall, 1);
  wake_up(d.s, d.worker(1), k_wake_normal);
  d.until_off(d.worker(1), 1);
  EXPECT_FALSE(d.asleep(d.worker(1)));
}

TEST(IoWork, TheHolderTakesTheQueuedWorkItselfAndTheOtherOneIsNotWoken) {
  Driver d(contended(), k_old);
  d.until_off(d.worker(1), 1);
  d.until(
      d.worker(0), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 0);
  EXPECT_EQ(d.s.wqs[0].stalled, 0) << "the holder clears it for its own account";
  EXPECT_EQ(d.s.wqs[0].waits, 1);
  d.step(d.worker(0));
  EXPECT_TRUE(d.asleep(d.worker(1)));
  EXPECT_EQ(d.s.wqs[0].waits, 0);
  d.step(d.worker(0));
  EXPECT_EQ(d.s.wqs[0].chain, 1);
  EXPECT_EQ(d.s.wqs[0].hashed, 0);
}

TEST(IoWork, AHolderInAnotherProcessWakesAnIdleWorkerOfTheStalledAccount) {
  Scenario s = quiet({WorkerStart::idle});
  ring_of(s).hashed = 1;
  ring_of(s).hash_held_outside = s.environment.hash_release = true;
  Driver d(s, k_old);
  d.until_off(d.worker(), 1);
  EXPECT_TRUE(d.asleep(d.worker()));
  d.fire(Environment::hash_release);
  EXPECT_FALSE(d.asleep(d.worker()));
  EXPECT_EQ(d.s.wqs[0].stalled, 0);
  d.until(
      d.worker(),
      [&](const State& now, const Task& t) { return (t.local & k_holds_hash) != 0 && now.wqs[0].chain == 1; },
      1);
  EXPECT_FALSE(d.offers(Environment::hash_release)) << "once";
}

TEST(IoWork, AHashLetGoMeanwhileIsSeenBeforeTheWait) {
  Driver d(contended(), k_old);
  d.until_at(d.worker(1), IoWorkerHandleWork::stall, 1);
  d.until(
      d.worker(0), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 0);
  EXPECT_EQ(d.s.wqs[0].waits, 0);
  d.step(d.worker(1));
  EXPECT_EQ(d.s.wqs[0].stalled, 1) << "set after the holder had cleared it";
  d.until_takes(d.worker(1), IoWorkerHandleWork::wait_on_hash);
  EXPECT_EQ(d.s.wqs[0].stalled, 0);
  EXPECT_EQ(d.s.wqs[0].waits, 0);
  d.until(
      d.worker(1),
      [&](const State& now, const Task& t) { return (t.local & k_holds_hash) != 0 && now.wqs[0].chain == 1; },
      1);
}

TEST(IoWork, AMarkThatTheHolderCouldNotSeeIsClearedByItsWakeUp) {
  Scenario s = quiet({WorkerStart::writing, WorkerStart::idle, WorkerStart::idle});
  ring_of(s).hashed = 2;
  s.cpus = 3;
  Driver d(s, k_old);
  d.until_off(d.worker(1), 1);  // it waits for the hash
  d.s.wqs[0].stalled = 0;       // as when more work was queued meanwhile
  d.until_at(d.worker(2), IoWorkerHandleWork::stall, 2);
  d.until(
      d.worker(0), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 0);
  d.step(d.worker(2));
  EXPECT_EQ(d.s.wqs[0].stalled, 1);
  EXPECT_EQ(d.s.wqs[0].waits, 1) << "another worker waits for the hash already";
  d.until_takes(d.worker(2), IoWorkerHandleWork::wait_on_hash);
  d.step(d.worker(0));
  EXPECT_FALSE(d.asleep(d.worker(1)));
  EXPECT_EQ(d.s.wqs[0].stalled, 0);
}

TEST(IoWork, AStalledAccountCountsAsOneWithoutWork) {
  Wq wq{};
  wq.hashed = 1;
  EXPECT_TRUE(runs_queue(wq, false));
  wq.stalled = 1;
  EXPECT_FALSE(runs_queue(wq, false));
  EXPECT_TRUE(has_listed(wq, false));
  wq.queued[1] = 1;
  EXPECT_TRUE(runs_queue(wq, true)) << "the other account is not stalled";
}

TEST(IoWork, AtTheEndAWorkerLooksOnceMoreAndLeavesWorkOfAHeldHashToTheOwner) {
  Scenario s = with_workers({WorkerStart::idle});
  s.processes[0].ends = Ending::exit;
  ring_of(s).hashed = 1;
  ring_of(s).hash_held_outside = true;
  Driver d(s, k_old);
  d.until_off(d.worker(), 1);
  d.until_off(d.leader(), 0);
  d.until_takes(d.worker(), IoWorker::drain, 1);
  d.until_at(d.worker(), IoWorkerHandleWork::stall, 1);
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].worker_refs == 0; }, 1);
  d.until_takes(d.leader(), IoWqPutAndExit::io_wq_destroy, 0);
  EXPECT_EQ(d.s.wqs[0].waits, 0) << "io_wq_exit_workers() takes the entry off hash->wait";
  d.step(d.leader());
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(IoWork, ALinkWithoutAHashIsTakenUpByTheSameWorker) {
  Driver d(linked({Link::unbounded}, {WorkerStart::about_to_read, WorkerStart::idle}), k_old);
  d[d.worker(0)].item = k_item_bounded;  // as if it were a request that is done at once
  d.until(
      d.worker(0), [](const State&, const Task& t) { return t.item == k_item_unbounded; }, 0);
  EXPECT_EQ(d.s.wqs[0].queued[1], 0);
  d.until_takes(d.worker(0), IoWqDoWork::io_issue_sqe, 0);
}

TEST(IoWork, TheHashIsLetGoBeforeTheLinkedRequestIsExecuted) {
  Driver d(linked({Link::bounded}), k_old);
  d.until(
      d.worker(), [](const State& now, const Task&) { return now.wqs[0].links_left == 0; }, 1);
  EXPECT_EQ(d.s.wqs[0].chain, 1);
  d.until_takes(d.worker(), IoWorkerHandleWork::release_hash);
  EXPECT_EQ(d.s.wqs[0].chain, 0);
  d.until_takes(d.worker(), IoWqDoWork::io_issue_sqe, 1);
  EXPECT_EQ(d.s.wqs[0].links_left, 0);
}

TEST(IoWork, ALinkThatIsHashedIsQueuedAndWakesAnIdleWorkerWhileTheHashIsStillHeld) {
  Driver d(linked({Link::hashed}, {WorkerStart::writing, WorkerStart::idle}), k_old);
  EXPECT_TRUE(d.asleep(d.worker(1)));
  d.until_takes(d.worker(0), IoWorkerHandleWork::enqueue_link, 0);
  EXPECT_FALSE(d.asleep(d.worker(1)));
  EXPECT_EQ(d.s.wqs[0].chain, 1) << "the hash is still held";
  EXPECT_EQ(d.s.wqs[0].hashed, 1);
  d.until_at(d.worker(1), IoWorkerHandleWork::stall, 1);
}

TEST(IoWork, IfNobodyIsIdleTheWorkerMakesAnotherOneItself) {
  Scenario s = linked({Link::hashed});
  ring_of(s).may_create = 1;
  Driver d(s, k_old);
  const TaskNo fresh = d.worker(1);
  d.until_takes(d.worker(0), IoWqDoWork::io_issue_sqe, 1);
  d[d.worker(0)].tif |= k_tif_notify_signal;
  d.until(
      d.worker(0),
      [&](const State& now, const Task&) { return now.tasks[fresh].exit_state == ExitState::none; }, 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 3);
  EXPECT_EQ(d.s.wqs[0].nr_workers[0], 2);
  EXPECT_TRUE(d.notified(fresh)) << "a copy of its maker";
}

TEST(IoWork, IfNoneCanBeMadeTheReferenceForItIsGivenBack) {
  Driver d(linked({Link::hashed}), k_old);
  d.until_takes(d.worker(), IoWorkerHandleWork::enqueue_link, 1);
  EXPECT_EQ(d.s.wqs[0].worker_refs, 2);
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 1);
  d.until(
      d.worker(),
      [&](const State& now, const Task& t) { return (t.local & k_holds_hash) != 0 && now.wqs[0].chain == 1; },
      1);
}

TEST(IoWork, WithTheExitBitTheWorkerCancelsTheLinkAndSetsTheFlagOnTheOwner) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d(linked({Link::hashed}), kernel);
    d.s.wqs[0].exit = 1;
    d.until_takes(d.worker(), IoWorkerHandleWork::enqueue_link, 1);
    d.until_at(d.worker(), IoWqDoWork::set_notify_signal, 1);
    EXPECT_EQ(d[d.leader()].works, k_work_request);
    EXPECT_FALSE(d.notified(d.leader()));
    d.step(d.worker());
    EXPECT_TRUE(d.notified(d.leader())) << kernel;
    EXPECT_EQ(d.s.wqs[0].hashed, 0) << "it is not queued";
    d.until_takes(d.worker(), IoWorkerHandleWork::release_hash);
    EXPECT_EQ(d.s.wqs[0].chain, 0);
  }
}

TEST(IoWork, WhileTheChainGoesOnALinkIsPassedOnEvenWithoutAHash) {
  Scenario s = linked({Link::bounded});
  ring_of(s).chain = 2;
  Driver d(s, k_old);
  d.until_takes(d.worker(), IoWqDoWork::io_issue_sqe, 1);
  d[d.worker()].tif |= k_tif_notify_signal;
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].chain == 1; }, 1);
  EXPECT_FALSE(d.notified(d.worker()));
  d[d.worker()].tif |= k_tif_notify_signal;
  d.until_takes(d.worker(), IoWorkerHandleWork::enqueue_link, 1);
  EXPECT_EQ(d.s.wqs[0].queued[0], 1);
  EXPECT_EQ(d.s.wqs[0].chain, 1);
  d.until_takes(d.worker(), IoWqDoWork::io_issue_sqe, 1);
  EXPECT_TRUE(d.notified(d.worker())) << "the next item was assigned, and the flag cleared, before the link";
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 1);
  d.until(
      d.worker(), [&](const State&, const Task& t) { return t.item == k_item_bounded; }, 1);
}

TEST(IoWork, ACancelledLinkLeavesTheNextOfTheChainInItsPlace) {
  Scenario s = linked({Link::bounded});
  ring_of(s).chain = 2;
  Driver d(s, k_old);
  d.s.wqs[0].exit = 1;
  d.until_takes(d.worker(), IoWorkerHandleWork::enqueue_link, 1);
  d.until_takes(d.worker(), IoWorkerHandleWork::execute, 1);
  EXPECT_EQ(d[d.worker()].item, k_item_bounded);
  d.until_takes(d.worker(), IoWqDoWork::io_issue_sqe, 1);
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 1);
}

TEST(IoWork, WhatHangsOnAQueuedLinkComesUpWhenThatOneIsDone) {
  Driver d(linked({Link::hashed, Link::unbounded}), k_old);
  d.until_takes(d.worker(), IoWorkerHandleWork::enqueue_link, 1);
  EXPECT_EQ(d.s.wqs[0].link_at, k_link_in_hashed);
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].chain == 0; }, 1);
  d.until(
      d.worker(),
      [&](const State& now, const Task& t) { return (t.local & k_holds_hash) != 0 && now.wqs[0].chain == 1; },
      1);
  d.until(
      d.worker(), [](const State&, const Task& t) { return t.item == k_item_unbounded; }, 1);
}

/// A worker whose read has failed, with two requests linked to it; its owner has been told.
Driver failed_with_links(std::string_view kernel) {
  Scenario s = linked({Link::hashed, Link::bounded}, {WorkerStart::reading});
  Driver d(s, kernel);
  d[d.worker()].tif |= k_tif_notify_signal;
  wake_up(d.s, d.worker(), k_wake_interruptible);
  d.until_notified(d.worker(), d.leader(), 1);
  return d;
}

TEST(IoWork, WhatIsLinkedToAFailedRequestFailsInTheSameBatchOfTheOwner) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d = failed_with_links(kernel);
    d[d.leader()].tif = 0;
    d.step(d.worker());
    EXPECT_TRUE(is_at(d[d.worker()], IoWorker::look_for_work)) << "the queue is empty";
    EXPECT_EQ(d.s.wqs[0].links_left, 0);
    EXPECT_EQ(d.s.wqs[0].links_failed, 0);
    EXPECT_FALSE(d.notified(d.leader())) << kernel;
  }
}

TEST(IoWork, IfTheOwnerWasFasterTheWorkerFailsThemAndSetsTheFlagOnceMore) {
  for (const auto* kernel : {k_old, k_new}) {
    Driver d = failed_with_links(kernel);
    d.until(
        d.leader(), [&](const State&, const Task& t) { return (t.works & k_work_request) == 0; }, 0);
    d.until_off(d.leader(), 0);
    EXPECT_FALSE(d.notified(d.leader()));
    d.step(d.worker());
    EXPECT_TRUE(is_at(d[d.worker()], IoWorkerHandleWork::notify_owner)) << "io_fail_links()";
    EXPECT_EQ(d[d.leader()].works, k_work_request);
    EXPECT_FALSE(d.notified(d.leader()));
    d.step(d.worker());
    EXPECT_TRUE(d.notified(d.leader())) << kernel;
    d.step(d.worker());
    EXPECT_TRUE(is_at(d[d.worker()], IoWorker::look_for_work)) << "the queue is empty";
  }
}

TEST(IoWork, TheLinksOfACancelledLinkFailAlike) {
  Driver d(linked({Link::hashed, Link::bounded}), k_new);
  d.s.wqs[0].exit = 1;
  d.until_notified(d.worker(), d.leader(), 1);
  d[d.leader()].works = d[d.leader()].tif = 0;  // as if he had run it
  d.step(d.worker());
  EXPECT_TRUE(is_at(d[d.worker()], IoWorkerHandleWork::cancelled_notify)) << "io_fail_links()";
  d.step(d.worker());
  EXPECT_TRUE(d.notified(d.leader()));
  EXPECT_TRUE(is_at(d[d.worker()], IoWorkerHandleWork::release_hash));
}

TEST(IoWork, TheWorkerDoesNotTakeUpALinkOfAFailedRequest) {
  Driver d = failed_with_links(k_old);
  d.until_off(d.worker(), 1);
  EXPECT_EQ(d.s.wqs[0].hashed, 0);
  EXPECT_EQ(d[d.worker()].item, k_item_none);
}

}  // namespace
}  // namespace unzap::kernel
