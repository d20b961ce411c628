// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/coredump.md.
#include "kernel/linux/coredump.hpp"

#include "kernel/linux/signal.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_new = "v6.1.192";

/// Init dumps core; it has an idle worker and a child.
Scenario dumps() {
  Scenario s = with_workers({WorkerStart::idle});
  s.processes[0].ends = Ending::core_dump;
  return s;
}

/// The worker of an SQPOLL ring has taken a signal that dumps core.
Scenario worker_dumps() {
  Scenario s = with_workers({WorkerStart::dumping});
  ring_of(s).sqpoll = true;
  s.processes[0].ends = Ending::sigkill;
  return s;
}

TEST(Coredump, StopsTheOtherThreadsAndWaitsForThem) {
  Driver d(dumps(), k_new);
  d.until_takes(d.leader(), DoCoredump::zap_threads, 0);
  EXPECT_EQ(d.s.processes[0].dump_waits_for, 1);
  EXPECT_TRUE(d[d.worker()].flags & k_sigkill_private);
  EXPECT_FALSE(d.asleep(d.worker()));
  EXPECT_TRUE(d.asleep(d.child())) << "another process goes on";
  d.until_off(d.leader(), 0);
  EXPECT_EQ(d[d.leader()].run_state, RunState::uninterruptible);
  d.until_takes(d.worker(), DoExit::coredump_task_exit, 1);
  EXPECT_EQ(d.s.processes[0].dump_waits_for, 0);
  EXPECT_FALSE(d.asleep(d.leader())) << "the last one wakes the dumping thread";
}

TEST(Coredump, ParksThreadsUntilItIsWritten) {
  Driver d(dumps(), k_new);
  d.until_off(d.leader(), 0);
  d.until_off(d.worker(), 1);
  EXPECT_EQ(d.top(d.worker()), Routine::coredump_task_exit);
  EXPECT_EQ(d[d.worker()].run_state, RunState::idle);
  EXPECT_FALSE(d.exiting(d.worker()));
  d.until_takes(d.leader(), DoCoredump::coredump_finish, 0);
  EXPECT_FALSE(d.asleep(d.worker()));
  d.until_in(d.leader(), Routine::do_exit, 0);
}

TEST(Coredump, FiveFifteenParksInExitMmUninterruptibly) {
  Driver d(dumps(), "v5.15.160");
  d.until_off(d.leader(), 0);
  d.until_off(d.worker(), 1);
  EXPECT_EQ(d.top(d.worker()), Routine::coredump_task_exit);
  EXPECT_TRUE(d.exiting(d.worker())) << "past exit_signals()";
  EXPECT_EQ(d[d.worker()].run_state, RunState::uninterruptible);
}

TEST(Coredump, AWorkerThatLosesItsFlagIsCountedAndNeverStops) {
  Variant v = find_kernel("v6.6.35")->variant;
  EXPECT_TRUE(v.has(Switch::dump_leaves_out_user_workers));
  for (const bool kept : {true, false}) {
    Driver d(dumps(), v.set(Switch::worker_flag_kept, kept));
    d.until_off(d.leader(), 0);
    EXPECT_EQ(d.s.processes[0].dump_waits_for, 1);
    d.until_takes(d.worker(), DoExit::coredump_task_exit, 1);
    EXPECT_EQ(d.asleep(d.leader()), !kept);
  }
}

TEST(Coredump, AThreadPastThePointIsNotWaitedFor) {
  Driver d(dumps(), k_new);
  d[d.worker()].flags2 |= k_pf_postcoredump;
  d.until_takes(d.leader(), DoCoredump::zap_threads, 0);
  EXPECT_EQ(d.s.processes[0].dump_waits_for, 0);
  EXPECT_FALSE(d[d.worker()].flags & k_sigkill_private);
}

TEST(Coredump, ADyingGroupDumpsNoCore) {
  Driver d(dumps(), k_new);
  d.s.processes[0].group_exit = 1;
  d.until_takes(d.leader(), DoCoredump::zap_threads, 0);
  EXPECT_EQ(d.s.processes[0].dumping, 0);
  EXPECT_EQ(d.top(d.leader()), Routine::get_signal);
}

TEST(Coredump, SigkillIsNotDroppedWhileAGroupDumps) {
  Driver d(dumps(), k_new);
  d.until_takes(d.leader(), DoCoredump::zap_threads, 0);
  d[d.leader()].tif = 0;
  EXPECT_TRUE(send_sigkill(d.config(), d.s, d.leader()));
  d.s.processes[0].dumping = 0;
  EXPECT_FALSE(send_sigkill(d.config(), d.s, d.leader()));
}

TEST(Coredump, TheSqpollThreadWaitsForItsWorkersBeforeItStops) {
  Driver d(worker_dumps(), k_new);
  const TaskNo sqpoll = d.find("iou-sqp-4701");
  d.until_off(d.worker(), 0);
  EXPECT_EQ(d.top(d.worker()), Routine::do_coredump);
  EXPECT_EQ(d.s.processes[0].dump_waits_for, 2);
  d.until_off(sqpoll, 1);
  EXPECT_EQ(d.top(sqpoll), Routine::io_wq_put_and_exit);
  d.until_off(d.leader(), 1);
  EXPECT_EQ(d.s.processes[0].dump_waits_for, 1) << "the leader has stopped, the SQPOLL thread never will";
  d.until_off(d.worker(), 0);
  EXPECT_EQ(d.top(d.worker()), Routine::do_coredump) << "the owner's wake-up is in vain";
}

TEST(Coredump, AWorkerThatMayNotDumpLeavesAlone) {
  Variant v = find_kernel(k_new)->variant;
  Driver d(worker_dumps(), v.set(Switch::worker_does_not_dump, true));
  d.until_takes(d.worker(), GetSignal::do_coredump, 0);
  EXPECT_EQ(d.s.processes[0].group_exit, 0);
  d.until_in(d.worker(), Routine::io_worker_exit, 0);
}

TEST(Coredump, CompletionsOfAnSqpollRingSetTheFlagFromSixOneOn) {
  for (const auto& [kernel, sets] : {std::pair{"v5.15.160", false}, std::pair{"v6.1.192", true}}) {
    Scenario scenario = with_workers({WorkerStart::reading});
    ring_of(scenario).sqpoll = true;
    Driver d(scenario, kernel);
    const TaskNo sqpoll = d.find("iou-sqp-4701");
    d.step(d.leader(), 0);
    d.step(d.leader(), 0);
    d.until_at(d.worker(), IoWqDoWork::set_notify_signal, 1);
    d.step(d.worker(), 1);
    EXPECT_EQ(d.notified(sqpoll), sets) << kernel;
  }
}

}  // namespace
}  // namespace unzap::kernel
