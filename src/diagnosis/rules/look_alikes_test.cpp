// SPDX-License-Identifier: Apache-2.0
// What looks like a stuck container and is none: named, and never ranked above a real cause.
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

const char* const k_kworker = "rpc_exit_task process_one_work worker_thread kthread";

KernelEvent oom() {
  return event(EventKind::oom_kill, "Memory cgroup out of memory: Killed process 128824 (rsync)");
}
TaskBuilder fuse() {
  return TaskBuilder(41, "app", 'D').in("request_wait_answer fuse_flush do_exit");
}
TaskBuilder zombie(std::int32_t tid, std::int32_t parent) {
  return TaskBuilder(tid, "sh", 'Z').child_of(parent);
}

TEST(LookAlikes, ACpuInStopMachineIsNotTheOneThatHoldsTheOthersUp) {
  const KernelEvent stopped = soft_lockup(12, "migration/0", 0, "multi_cpu_stop cpu_stopper_thread kthread");
  const KernelEvent holder = soft_lockup(62, "kworker/u16:2", 5, k_kworker);
  EXPECT_EQ(finding_of(diagnose(pasted({}, {stopped, holder})), CauseId::soft_lockup).culprit->tid, 62);
  EXPECT_EQ(finding_of(diagnose(pasted({}, {stopped})), CauseId::soft_lockup).culprit->tid, 12);
}

TEST(LookAlikes, AnInitThatWasWokenWaitsForACpuAndNotForAMember) {
  const auto look = [](char state) {
    return finding_of(diagnose(live({TaskBuilder(900, "init", state)
                                         .numbers({900, 1})
                                         .exiting()
                                         .in("do_wait kernel_wait4 zap_pid_ns_processes do_exit")
                                         .looks(1.2, 0, 0)})),
                      CauseId::members_not_visible);
  };
  EXPECT_NE(look('S'), Finding{});
  EXPECT_EQ(look('R'), Finding{});
}

TEST(LookAlikes, Rows) {
  std::vector<Task> many = {TaskBuilder(50, "runner", 'S')};
  for (std::int32_t tid = 100; tid < 125; ++tid) many.push_back(zombie(tid, 50));
  const struct {
    const char* name;
    Snapshot snapshot;
    const char* expected;
  } rows[] = {
      {"a kernel thread holds a CPU", pasted({}, {soft_lockup(62, "kworker/u16:2", 5, k_kworker)}),
       "stuck: soft-lockup likely"},
      {"the same, without its stack", pasted({}, {soft_lockup(62, "kworker/u16:2", 5, "")}),
       "stuck: soft-lockup likely"},
      {"the same, long ago on a live host",
       live({TaskBuilder(62, "kworker/u16:2", 'I').looks(1, 0, 5)},
            {soft_lockup(62, "kworker/u16:2", 5, k_kworker)}),
       "healthy"},
      {"a blocked task at a place that nobody knows",
       pasted({}, {hung_task(31, "app", "wait_for_completion strange_ioctl __x64_sys_ioctl")}),
       "stuck: hung-task likely"},
      {"a task that would not freeze",
       pasted({},
              {event(EventKind::freeze_failed, "Freezing user space processes failed after 20.006 seconds")}),
       "unknown: hung-task possible"},
      {"an OOM kill", pasted({}, {oom()}), "healthy: oom-kill likely"},
      {"an OOM kill long ago on a live host", live({TaskBuilder(1, "systemd", 'S')}, {oom()}),
       "healthy: oom-kill possible"},
      {"a zombie, its parent runs", pasted({TaskBuilder(50, "shim", 'S'), zombie(60, 50)}),
       "healthy: zombie-under-live-parent likely"},
      {"a zombie, and no parent in sight", pasted({TaskBuilder(60, "sh", 'Z')}),
       "unknown: zombie-under-live-parent possible"},
      {"live: a zombie is normal", live({TaskBuilder(50, "shim", 'S'), zombie(60, 50)}), "healthy"},
      {"live: many zombies below one parent", live(many), "healthy: zombie-under-live-parent possible"},
      {"beside a real cause they come last",
       pasted({fuse()}, {oom(), soft_lockup(62, "kworker/u16:2", 5, k_kworker)}),
       "stuck: fuse-request likely, soft-lockup likely, oom-kill likely"},
      {"idle threads of a shim",
       pasted({TaskBuilder(50, "shim", 'S').in("futex_wait_queue futex_wait do_futex")}), "unknown"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(LookAlikes, ABusyHostGivesNothing) {
  std::vector<Task> tasks = {TaskBuilder(1, "systemd", 'S'), TaskBuilder(2, "kthreadd", 'S')};
  const char* const stacks[] = {"synchronize_rcu_expedited namespace_unlock put_mnt_ns do_exit",
                                "jbd2_log_wait_commit ext4_sync_file",
                                "sunrpc:rpc_wait_bit_killable nfs_file_read",
                                "request_wait_answer fuse_lookup",
                                "exit_mmap mmput do_exit",
                                "do_freezer_trap get_signal",
                                "mutex_lock cgroup_kn_lock_live",
                                "mutex_lock copy_net_ns",
                                "coredump_task_exit do_exit"};
  std::int32_t tid = 100;
  for (const char* stack : stacks)
    tasks.push_back(TaskBuilder(tid++, "app", 'D').child_of(1).in(stack).looks(0.3, 0, 0));
  tasks.push_back(TaskBuilder(200, "make", 'R').child_of(1).looks(0.3, 99, 0));
  tasks.push_back(TaskBuilder(300, "pause", 'S').child_of(1).numbers({300, 1}).in("__do_sys_pause"));
  tasks.push_back(TaskBuilder(301, "sh", 'Z').child_of(300).numbers({301, 7}));
  EXPECT_EQ(gist(diagnose(live(tasks))), "healthy");
}

TEST(Diagnose, NothingToSeeIsUnknownUnlessEverythingWasSeen) {
  EXPECT_EQ(gist(diagnose(Snapshot{})), "unknown");
  EXPECT_EQ(gist(diagnose(live({TaskBuilder(1, "systemd", 'S')}))), "healthy");
  Snapshot partial = live({TaskBuilder(1, "systemd", 'S')});
  partial.all_tasks = false;
  EXPECT_EQ(gist(diagnose(partial)), "unknown");
}

TEST(Diagnose, EveryFindingIsComplete) {
  const Diagnosis diagnosis = diagnose(
      pasted({fuse(), TaskBuilder(42, "x", 'D').in("jbd2_log_wait_commit")},
             {oom(), soft_lockup(62, "kworker", 5, k_kworker), hung_task(31, "app", "strange_ioctl")}));
  EXPECT_GE(diagnosis.findings.size(), 5u);
  for (const Finding& finding : diagnosis.findings) {
    SCOPED_TRACE(name(finding.cause));
    EXPECT_FALSE(finding.summary.empty());
    EXPECT_FALSE(finding.chain.empty());
    EXPECT_FALSE(finding.evidence.empty());
    EXPECT_FALSE(finding.refuted_by.empty());
    EXPECT_FALSE(finding.next_evidence.empty());
    EXPECT_FALSE(finding.remedies.empty());
    EXPECT_FALSE(finding.references.empty());
    for (const Link& link : finding.chain)
      for (const std::string& id : link.evidence)
        EXPECT_TRUE(std::any_of(finding.evidence.begin(), finding.evidence.end(),
                                [&](const Evidence& evidence) { return evidence.id == id; }))
            << id;
  }
}

}  // namespace
}  // namespace unzap::testing
