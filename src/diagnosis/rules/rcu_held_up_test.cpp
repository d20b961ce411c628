// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/rcu_held_up.hpp"

#include <gtest/gtest.h>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

const std::string k_teardown = "synchronize_rcu_expedited namespace_unlock put_mnt_ns free_nsproxy do_exit";
const std::string k_normal = "__wait_rcu_gp synchronize_rcu nfs:nfs_free_server deactivate_locked_super";

KernelEvent stall(std::int32_t tid, const std::string& comm, const std::string& functions) {
  KernelEvent out = event(EventKind::rcu_stall, "rcu: INFO: rcu_sched self-detected stall on CPU", {13});
  out.tid = tid;
  out.comm = comm;
  out.stack = stack_of(functions, StackOrigin::rcu_stall);
  return out;
}

struct Row {
  const char* name;
  Snapshot snapshot;
  const char* expected;
};

TEST(RcuHeldUp, ConfidenceFollowsTheEvidence) {
  const Row rows[] = {
      {"a pasted victim, the spinner not shown", pasted({TaskBuilder(31, "iou-sqp-30", 'D').in(k_teardown)}),
       "stuck: rcu-held-up likely"},
      {"a hung task in a normal grace period", pasted({}, {hung_task(31, "exe", k_normal)}),
       "stuck: rcu-held-up likely"},
      {"one look at a live host", live({TaskBuilder(31, "umount", 'D').in(k_normal)}), "healthy"},
      {"a live task that did not move for two seconds",
       live({TaskBuilder(31, "umount", 'D').in(k_normal).looks(2, 0, 0)}), "unknown: rcu-held-up possible"},
      {"a live task that did move", live({TaskBuilder(31, "umount", 'D').in(k_normal).looks(2, 0, 3)}),
       "healthy"},
      {"a stall report by itself",
       pasted({}, {stall(62, "kworker/u16:2", "rpc_exit_task process_one_work kthread")}),
       "stuck: rcu-held-up likely"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(RcuHeldUp, NamesTheTaskOnTheStalledCpu) {
  const Diagnosis diagnosis =
      diagnose(pasted({TaskBuilder(539, "mount.nfs", 'D').in(k_normal)},
                      {stall(62, "kworker/u34:2", "rpc_exit_task process_one_work kthread")}));
  const Finding finding = finding_of(diagnosis, CauseId::rcu_held_up);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 62);
  ASSERT_EQ(finding.victims.size(), 1u);
  EXPECT_EQ(finding.victims[0].tid, 539);
  ASSERT_EQ(finding.chain.size(), 3u);
  EXPECT_EQ(finding.chain[0].to, NodeRef(NodeKind::rcu_grace_period));
  EXPECT_EQ(finding.chain[1].from, finding.chain[0].to);
}

TEST(RcuHeldUp, RcuTasksWaitsForATaskAndNotForACpu) {
  KernelEvent stall = event(EventKind::rcu_tasks_stall, "INFO: rcu_tasks detected stalls on tasks:", {});
  EXPECT_EQ(gist(diagnose(pasted({}, {stall}))), "stuck: rcu-held-up likely");
  stall.tid = 77;
  stall.comm = std::string("busy");
  const Finding finding =
      finding_of(diagnose(pasted({TaskBuilder(77, "busy", 'R')}, {stall})), CauseId::rcu_held_up);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 77);
  EXPECT_NE(finding.summary.find("RCU-tasks grace period"), std::string::npos) << finding.summary;
}

TEST(RcuHeldUp, WhoComesBackToUserModeHoldsNothingUp) {
  const TaskBuilder waiter = TaskBuilder(31, "umount", 'D').in(k_normal).looks(2, 0, 0);
  TaskBuilder busy = TaskBuilder(70, "dd", 'R').on_cpu(1).looks(2, 98, 0);
  EXPECT_EQ(gist(diagnose(live({waiter, busy}))), "stuck: rcu-held-up likely");
  busy.task.samples.back().utime_ticks += 3;
  EXPECT_EQ(gist(diagnose(live({waiter, busy}))), "unknown: rcu-held-up possible");
}

TEST(RcuHeldUp, ASpinningReaperTakesItsPlace) {
  const Snapshot snapshot =
      pasted({TaskBuilder(31, "iou-sqp-30", 'D').in(k_teardown)},
             {soft_lockup(9, "npm", 0, "do_wait kernel_wait4 zap_pid_ns_processes do_exit")});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: reaper-busy-loop certain");
}

TEST(RcuHeldUp, TheWorkerThatWaitsForCpusIsAVictim) {
  const Snapshot snapshot = pasted(
      {TaskBuilder(8, "kworker/1:1", 'D').in("rcu_exp_wait_wake process_one_work worker_thread kthread")});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: rcu-held-up likely");
}

}  // namespace
}  // namespace unzap::testing
