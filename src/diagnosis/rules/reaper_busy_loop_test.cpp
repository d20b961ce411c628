// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/reaper_busy_loop.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

const std::string k_spin =
    "do_wait kernel_wait4 zap_pid_ns_processes exit_notify do_exit io_wqe_worker ret_from_fork";
const std::string k_victim =
    "exp_funnel_lock synchronize_rcu_expedited namespace_unlock put_mnt_ns free_nsproxy do_exit io_sq_thread";

/// An init whose leader is dead and whose last thread `spinner` sits on CPU 1; one member waits in RCU.
std::vector<Task> container(TaskBuilder spinner, TaskBuilder victim) {
  return {TaskBuilder(900, "npm start", 'Z').numbers({900, 1}).child_of(800),
          spinner.of(900).numbers({910, 9}),
          TaskBuilder(920, "npm run", 'Z').child_of(900).numbers({920, 12}), victim.of(920).child_of(900)};
}

TaskBuilder spinner() {
  return TaskBuilder(910, "iou-wrk-905", 'R').exiting().on_cpu(1);
}
TaskBuilder victim() {
  return TaskBuilder(921, "iou-sqp-920", 'D').exiting().in(k_victim);
}

struct Row {
  const char* name;
  Snapshot snapshot;
  std::string expected;
};

std::vector<Row> rows() {
  std::vector<Row> out;
  out.push_back({"soft lockup with the loop on its stack",
                 pasted({}, {soft_lockup(910, "iou-wrk-905", 1, k_spin)}),
                 "stuck: reaper-busy-loop certain"});
  out.push_back({"two looks a second apart, with a victim",
                 live(container(spinner().looks(1.2, 99, 0), victim().looks(1.2, 0, 0))),
                 "stuck: reaper-busy-loop certain"});
  out.push_back(
      {"two looks, no victim in sight",
       live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}), spinner().in_zap().of(900).looks(1.2, 99, 0)}),
       "stuck: reaper-busy-loop likely"});
  out.push_back({"two looks, no victim in sight, but samples of its CPU show the loop",
                 live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}),
                       spinner().of(900).in(k_spin, StackOrigin::perf).looks(1.2, 99, 0)}),
                 "stuck: reaper-busy-loop certain"});
  out.push_back({"samples of a moment: every end of a container comes through the loop",
                 live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}),
                       spinner().of(900).in(k_spin, StackOrigin::perf).looks(0.1, 99, 0)}),
                 "unknown: reaper-busy-loop possible"});
  out.push_back({"samples show that it is elsewhere in its exit",
                 live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}),
                       spinner()
                           .of(900)
                           .in("filp_close put_files_struct do_exit", StackOrigin::perf)
                           .looks(1.2, 99, 0)}),
                 "healthy"});
  out.push_back({"two looks, and zap may not have begun: an exit that closes a million files looks the same",
                 live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}), spinner().of(900).looks(1.2, 99, 0)}),
                 "unknown: reaper-busy-loop possible"});
  out.push_back(
      {"a stall report names its CPU",
       live({TaskBuilder(900, "npm", 'Z').numbers({900, 1}), spinner().of(900).looks(1.2, 99, 0)},
            {event(EventKind::rcu_stall, "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", {1})}),
       "stuck: reaper-busy-loop certain"});
  out.push_back({"two looks, but the victim moves: the grace periods end",
                 live(container(spinner().in_zap().looks(1.2, 99, 0), victim().looks(1.2, 0, 4))),
                 "stuck: reaper-busy-loop likely"});
  out.push_back({"a soft lockup of a task that is gone is history",
                 live({TaskBuilder(1, "systemd", 'S')}, {soft_lockup(910, "iou-wrk-905", 1, k_spin)}),
                 "healthy"});
  out.push_back({"one look at a live host: may be a healthy teardown", live(container(spinner(), victim())),
                 "unknown: reaper-busy-loop possible"});
  out.push_back({"one look, but the victim has been blocked for minutes",
                 live(container(spinner(), victim().blocked(120))), "stuck: reaper-busy-loop likely"});
  out.push_back({"pasted: who pastes it has waited", pasted(container(spinner(), victim())),
                 "stuck: reaper-busy-loop likely"});
  out.push_back({"an exiting init on a CPU is normal life",
                 live({TaskBuilder(900, "sh", 'R').numbers({900, 1}).exiting().on_cpu(0)}), "healthy"});
  out.push_back({"context switches in the window: it comes to schedule()",
                 live(container(spinner().in_zap().looks(1.2, 99, 7), TaskBuilder(921, "x", 'S'))),
                 "unknown: reaper-second-loop-spin possible"});
  return out;
}

TEST(ReaperBusyLoop, ConfidenceFollowsTheEvidence) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(ReaperBusyLoop, CpusInStopMachineWaitForItTooAndAreNotTheCause) {
  const std::string stopped = "multi_cpu_stop cpu_stopper_thread smpboot_thread_fn kthread ret_from_fork";
  const Finding found = finding_of(
      diagnose(
          pasted({}, {soft_lockup(12, "migration/0", 0, stopped), soft_lockup(16, "migration/2", 2, stopped),
                      soft_lockup(12, "migration/0", 0, stopped), soft_lockup(910, "init", 1, k_spin)})),
      CauseId::reaper_busy_loop);
  EXPECT_EQ(found.culprit->tid, 910);
  EXPECT_NE(found.summary.find("2 more CPUs stand still in stop_machine()"), std::string::npos)
      << found.summary;
}

TEST(ReaperBusyLoop, AReaperAsleepRefutesIt) {
  const Snapshot snapshot = pasted({TaskBuilder(900, "init", 'S').numbers({900, 1}).in(k_spin), victim()});
  EXPECT_EQ(finding_of(diagnose(snapshot), CauseId::reaper_busy_loop), Finding{});
}

TEST(ReaperBusyLoop, ALockupInThePageFaultOfAnInitIsNotIt) {
  const Snapshot snapshot = pasted({}, {soft_lockup(900, "init", 1, "handle_mm_fault do_user_addr_fault")});
  EXPECT_EQ(finding_of(diagnose(snapshot), CauseId::reaper_busy_loop), Finding{});
}

TEST(ReaperBusyLoop, GuessedFramesProveNothing) {
  const Snapshot snapshot =
      pasted({}, {soft_lockup(900, "init", 1, "?do_wait ?kernel_wait4 ?zap_pid_ns_processes do_exit")});
  EXPECT_EQ(finding_of(diagnose(snapshot), CauseId::reaper_busy_loop), Finding{});
}

TEST(ReaperBusyLoop, AStallThatNamesATaskWithGuessedFramesMakesItLikely) {
  KernelEvent stall =
      event(EventKind::rcu_expedited_stall, "rcu: INFO: rcu_sched detected expedited stalls", {1});
  stall.tid = 80;
  stall.comm = std::string("iou-wrk-54");
  stall.stack = stack_of("?do_wait ?zap_pid_ns_processes", StackOrigin::rcu_stall);
  EXPECT_EQ(gist(diagnose(pasted({victim()}, {stall}))), "stuck: reaper-busy-loop likely");
}

TEST(ReaperBusyLoop, SpinningOnALockInTheLoopIsNotCertain) {
  const Snapshot snapshot =
      pasted({}, {soft_lockup(900, "init", 1, "native_queued_spin_lock_slowpath _raw_read_lock " + k_spin)});
  EXPECT_EQ(finding_of(diagnose(snapshot), CauseId::reaper_busy_loop).confidence, Confidence::possible);
}

TEST(ReaperBusyLoop, NeverCertainOnAKernelThatPreemptsKernelCode) {
  Snapshot snapshot = pasted({}, {soft_lockup(910, "iou-wrk-905", 1, k_spin)});
  for (const Preemption model : {Preemption::full, Preemption::lazy, Preemption::rt}) {
    snapshot.host.preemption = model;
    EXPECT_EQ(gist(diagnose(snapshot)), "stuck: reaper-busy-loop likely") << name(model);
  }
  for (const Preemption model : {Preemption::none, Preemption::voluntary}) {
    snapshot.host.preemption = model;
    EXPECT_EQ(gist(diagnose(snapshot)), "stuck: reaper-busy-loop certain") << name(model);
  }
}

Snapshot with_code(Snapshot snapshot, WaitFix::Kind kind) {
  snapshot.host.wait_fix = WaitFix{kind, "/proc/kcore", {}};
  return snapshot;
}

/// The piece of evidence that the kernel's code gives; empty: none.
std::string said_of_code(const Finding& finding) {
  for (const Evidence& evidence : finding.evidence)
    if (evidence.source == "code of zap_pid_ns_processes") return evidence.text;
  return "";
}

TEST(ReaperBusyLoop, AKernelWithTheFixIsNeverMoreThanPossible) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Finding open = finding_of(diagnose(row.snapshot), CauseId::reaper_busy_loop);
    for (const auto kind :
         {WaitFix::Kind::fix_2024, WaitFix::Kind::fix_2026, WaitFix::Kind::no_notify_signal}) {
      const Finding found = finding_of(diagnose(with_code(row.snapshot, kind)), CauseId::reaper_busy_loop);
      if (open.confidence == Confidence::possible) {
        EXPECT_EQ(found, Finding{});
        continue;
      }
      EXPECT_EQ(found.culprit, open.culprit);
      EXPECT_EQ(found.confidence, Confidence::possible);
      EXPECT_NE(said_of_code(found), "");
    }
  }
}

TEST(ReaperBusyLoop, AKernelWithoutTheFixStaysAsSureAsItWasAndSaysWhatItsCodeShows) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Snapshot snapshot = with_code(row.snapshot, WaitFix::Kind::none);
    EXPECT_EQ(gist(diagnose(snapshot)), row.expected);
    const Finding found = finding_of(diagnose(snapshot), CauseId::reaper_busy_loop);
    EXPECT_EQ(said_of_code(found).empty(), found == Finding{});
  }
}

TEST(ReaperBusyLoop, CodeThatWasNotReadChangesNothing) {
  for (const Absence why :
       {Absence::not_asked, Absence::not_permitted, Absence::timed_out, Absence::not_in_this_kernel})
    for (Row row : rows()) {
      SCOPED_TRACE(row.name);
      row.snapshot.host.wait_fix = why;
      EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
    }
}

TEST(ReaperBusyLoop, AStallThatItCannotBeHasStillItsHolder) {
  const Snapshot snapshot = with_code(
      live(container(spinner().looks(1.2, 99, 0), victim().looks(1.2, 0, 0)),
           {event(EventKind::rcu_stall, "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", {1})}),
      WaitFix::Kind::fix_2024);
  EXPECT_EQ(diagnose(snapshot).verdict, Verdict::stuck);
  const Finding found = finding_of(diagnose(snapshot), CauseId::rcu_held_up);
  EXPECT_EQ(found.confidence, Confidence::likely);
  ASSERT_TRUE(found.culprit);
  EXPECT_EQ(found.culprit->tid, 910);
}

TEST(ReaperBusyLoop, TheCodeIsAskedForWhereItMatters) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(wait_fix_matters(row.snapshot),
              finding_of(diagnose(row.snapshot), CauseId::reaper_busy_loop) != Finding{});
  }
  EXPECT_FALSE(wait_fix_matters(Snapshot{}));
}

TEST(ReaperBusyLoop, NamesContainerAndPod) {
  Snapshot snapshot = live(container(spinner().looks(1.2, 99, 0), victim()));
  const std::string id(64, 'c');
  for (Task& task : snapshot.tasks) {
    task.cgroup = "/kubepods/burstable/pod0f1e2d3c4b5a69788796a5b4c3d2e1f0/" + id;
    task.container = id;
  }
  const Finding finding = finding_of(diagnose(snapshot), CauseId::reaper_busy_loop);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->container, id);
  EXPECT_EQ(finding.culprit->pod, "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
  ASSERT_FALSE(finding.victims.empty());
  EXPECT_EQ(finding.victims[0].pod, finding.culprit->pod);
}

TEST(ReaperBusyLoop, NamesCulpritVictimsAndTheCircle) {
  const Diagnosis diagnosis = diagnose(live(container(spinner().looks(1.2, 99, 0), victim())));
  const Finding finding = finding_of(diagnosis, CauseId::reaper_busy_loop);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 910);
  EXPECT_EQ(finding.culprit->comm, "iou-wrk-905");
  ASSERT_GE(finding.victims.size(), 2u);
  EXPECT_EQ(finding.victims[0].tid, 921);
  EXPECT_EQ(finding.victims[1].tid, 920);
  // spinner -> namespace -> member -> RCU -> CPU 1 -> spinner
  EXPECT_EQ(gist(finding.chain.front().from), "iou-wrk-905[910]");
  EXPECT_EQ(finding.chain.back().to, finding.chain.front().from);
  for (const Link& link : finding.chain) EXPECT_FALSE(link.evidence.empty()) << gist(link.from);
}

}  // namespace
}  // namespace unzap::testing
