// SPDX-License-Identifier: Apache-2.0
// The causes that are read off a stack: for each one a positive row, one that refutes it, and a look-alike.
#include <gtest/gtest.h>

#include <string>

#include "diagnosis/testing.hpp"
#include "diagnosis/wait_sites.hpp"

namespace unzap::testing {
namespace {

/// A stack pasted for a task in this state.
struct Row {
  const char* name;
  char state;
  const char* stack;
  const char* expected;
};

constexpr Row k_rows[] = {
    {"fuse: flush in exit", 'D', "request_wait_answer fuse_simple_request fuse_flush filp_close do_exit",
     "stuck: fuse-request likely"},
    {"fuse: an idle server waits for requests", 'S', "fuse_dev_do_read fuse_dev_read vfs_read", "unknown"},
    {"fuse: a page of an ext4 file is not a FUSE", 'D', "folio_wait_bit_common ext4_writepages do_writepages",
     "stuck: block-io-wait likely"},

    {"network: NFS call", 'D', "sunrpc:rpc_wait_bit_killable sunrpc:__rpc_execute nfsv4:nfs4_proc_access",
     "stuck: network-fs-wait likely"},
    {"network: write-back in exit", 'D', "wait_on_page_bit nfs:nfs_wb_all filp_close do_exit",
     "stuck: network-fs-wait likely"},
    {"network: a module nobody knows the functions of", 'D', "lustre:ll_file_io vfs_write",
     "stuck: network-fs-wait likely"},
    {"network: an idle server thread", 'S', "sunrpc:svc_recv nfsd:nfsd kthread", "unknown"},
    {"network: unmount of NFS that waits for RCU", 'D', "__wait_rcu_gp synchronize_rcu nfs:nfs_free_server",
     "stuck: rcu-held-up likely"},

    {"io_uring: workers", 'D', "io_wq_put_and_exit io_uring_clean_tctx io_uring_cancel_generic do_exit",
     "stuck: io-uring-exit likely"},
    {"io_uring: ring lock", 'D', "__mutex_lock io_uring_del_tctx_node do_exit",
     "stuck: io-uring-exit likely"},
    {"io_uring: waiting for completions is normal", 'S', "io_cqring_wait __do_sys_io_uring_enter", "unknown"},
    {"io_uring: a worker that waits for NFS", 'D',
     "sunrpc:rpc_wait_bit_killable nfs:nfs_file_read io_read "
     "io_wq_submit_work io_wqe_worker",
     "stuck: network-fs-wait likely"},

    {"freezer v1", 'D', "__refrigerator futex_wait do_futex", "stuck: frozen-cgroup likely"},
    {"freezer v2", 'S', "do_freezer_trap get_signal arch_do_signal_or_restart",
     "stuck: frozen-cgroup likely"},
    {"freezer: an ordinary futex", 'S', "futex_wait_queue futex_wait do_futex", "unknown"},

    {"cgroup: bpf release", 'D', "__mutex_lock cgroup_bpf_release process_one_work worker_thread kthread",
     "stuck: cgroup-lock likely"},
    {"cgroup: exit behind a migration", 'D', "percpu_rwsem_wait __percpu_down_read exit_signals do_exit",
     "stuck: cgroup-lock likely"},
    {"cgroup: an idle worker", 'I', "worker_thread kthread ret_from_fork", "unknown"},

    {"netns: clone behind cleanup_net", 'D', "mutex_lock copy_net_ns create_new_namespaces copy_process",
     "stuck: netns-reference-leak likely"},
    {"netns: a copy of the mount namespace", 'S', "ep_poll do_epoll_wait", "unknown"},

    {"block: journal", 'D', "wait_transaction_locked add_transaction_credits jbd2:start_this_handle",
     "stuck: block-io-wait likely"},
    {"block: frozen queue", 'D', "blk_mq_freeze_queue_wait nbd:nbd_set_size", "stuck: block-io-wait likely"},
    {"block: an md thread with nothing to do", 'S', "md_thread kthread", "unknown"},

    {"mm: exit_mmap", 'D', "exit_mmap mmput exit_mm do_exit", "stuck: mm-lock-wait likely"},
    {"mm: a reader of cmdline", 'D', "rwsem_down_read_slowpath down_read get_cmdline proc_pid_cmdline_read",
     "stuck: mm-lock-wait likely"},
    {"mm: a rwsem of an inode", 'D', "rwsem_down_write_slowpath down_write ext4_file_write_iter",
     "stuck: block-io-wait likely"},

    {"exit: terminal", 'D', "ldsem_down_write tty_ldisc_hangup __tty_hangup disassociate_ctty do_exit",
     "stuck: exit-path-wait likely"},
    {"exit: a place that no table names", 'D',
     "wait_for_completion strange_release __fput task_work_run do_exit", "stuck: exit-path-wait likely"},
    {"exit: reading a terminal", 'S', "n_tty_read tty_read vfs_read", "unknown"},

    {"core dump: parked thread", 'D', "coredump_task_exit do_exit do_group_exit get_signal",
     "stuck: coredump-wait likely"},
    {"core dump: the helper does not read", 'D', "pipe_write dump_emit elf_core_dump do_coredump get_signal",
     "stuck: coredump-wait likely"},
    {"core dump: an ordinary pipe", 'S', "pipe_read vfs_read", "unknown"},

    {"tracer: the stop at the end of exit", 't', "ptrace_stop ptrace_notify do_exit",
     "stuck: traced-member likely"},
    {"tracer: a stop under a debugger", 't', "ptrace_stop ptrace_signal get_signal",
     "stuck: traced-member possible"},
    {"parent: rmdir that waits for the dying", 'D', "cgroup_drain_dying cgroup_rmdir kernfs_iop_rmdir",
     "stuck: unreaped-by-outside-parent likely"},
    {"parent: rcu_tasks", 'D', "synchronize_rcu_tasks ftrace_shutdown",
     "stuck: unreaped-by-outside-parent likely"},
};

TEST(SiteRules, PastedStacks) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(pasted({TaskBuilder(40, "app", row.state).in(row.stack)}))), row.expected);
  }
}

TEST(SiteRules, OneLookAtALiveHostIsNothing) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const Snapshot busy =
        live({TaskBuilder(1, "systemd", 'S'), TaskBuilder(40, "app", row.state).in(row.stack)});
    EXPECT_EQ(gist(diagnose(busy)), "healthy");
  }
}

TEST(SiteRules, StacksOfRunningTasksAreNoSite) {
  for (const StackOrigin origin : {StackOrigin::oops, StackOrigin::soft_lockup, StackOrigin::perf}) {
    Task task = TaskBuilder(40, "app", 'D').in("nfs_file_flush filp_close do_exit", origin);
    task.state = Absence::not_asked;
    EXPECT_EQ(gist(diagnose(pasted({task}))), "unknown") << name(origin);
  }
}

TEST(SiteRules, ATaskThatDumpsItsOwnStackDoesNotWait) {
  Task task = TaskBuilder(40, "app", 'D')
                  .in("dump_stack_lvl oom_kill_process mem_cgroup_oom_synchronize do_user_addr_fault");
  task.state = Absence::not_asked;
  EXPECT_EQ(gist(diagnose(pasted({task}))), "unknown");
}

TEST(SiteRules, WchanAloneNamesTheSite) {
  TaskBuilder task(40, "app", 'D');
  task.task.wchan = std::string("rpc_wait_bit_killable");
  EXPECT_EQ(gist(diagnose(pasted({task}))), "stuck: network-fs-wait likely");
  task.task.state = 'S';
  EXPECT_EQ(gist(diagnose(pasted({task}))), "unknown");
}

TEST(SiteRules, IdleKernelThreadsAreNoSite) {
  for (const char* stack :
       {"nfsv4:nfs4_callback_svc kthread ret_from_fork", "btrfs_cleaner_kthread kthread"}) {
    Task task = TaskBuilder(40, "thread", 'S').in(stack);
    task.state = Absence::not_asked;
    EXPECT_EQ(gist(diagnose(pasted({task}))), "unknown") << stack;
  }
}

TEST(SiteRules, GuessedFramesAreNoSite) {
  const Snapshot snapshot = pasted({TaskBuilder(40, "app", 'S').in("?request_wait_answer ep_poll")});
  EXPECT_EQ(gist(diagnose(snapshot)), "unknown");
}

TEST(SiteRules, LiveTasksNeedTimeAndAReason) {
  const std::string flush = "request_wait_answer fuse_flush filp_close do_exit";
  const auto zap = [] {
    return TaskBuilder(900, "init", 'S')
        .numbers({900, 1})
        .exiting()
        .in("do_wait kernel_wait4 zap_pid_ns_processes");
  };
  const struct {
    const char* name;
    Snapshot snapshot;
    const char* expected;
  } rows[] = {
      {"a member of a dying namespace that does not move",
       live({zap().looks(2, 0, 0),
             TaskBuilder(901, "app", 'D').child_of(900).exiting().in(flush).looks(2, 0, 0)}),
       "stuck: fuse-request likely"},
      {"the same in too short a window",
       live({zap().looks(0.3, 0, 0),
             TaskBuilder(901, "app", 'D').child_of(900).exiting().in(flush).looks(0.3, 0, 0)}),
       "healthy"},
      {"the same, but it moves",
       live({zap().looks(2, 0, 3),
             TaskBuilder(901, "app", 'D').child_of(900).exiting().in(flush).looks(2, 0, 9)}),
       "healthy"},
      {"exiting, no namespace in sight",
       live({TaskBuilder(901, "app", 'D').exiting().in(flush).looks(2, 0, 0)}),
       "unknown: fuse-request possible"},
      {"running on: a slow disk is not a stuck container",
       live({TaskBuilder(901, "app", 'D').in("blk_mq_get_tag submit_bio").looks(2, 0, 0)}), "healthy"},
      {"the kernel reports it",
       live({TaskBuilder(901, "app", 'D').in("blk_mq_get_tag submit_bio")}, {hung_task(901, "app", "")}),
       "stuck: block-io-wait likely"},
      {"the report is about the past: the task runs again",
       live({TaskBuilder(901, "app", 'S')}, {hung_task(901, "app", "blk_mq_get_tag submit_bio")}), "healthy"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(SiteRules, TheLeafComesFirst) {
  // The exiting task waits for its worker, and the worker for a disk: the disk is the cause.
  const Snapshot snapshot = pasted(
      {TaskBuilder(40, "app", 'D').in("io_wq_put_and_exit io_uring_clean_tctx do_exit"),
       TaskBuilder(41, "iou-wrk-40", 'D').of(40).in("blk_mq_get_tag submit_bio io_read io_wq_submit_work")});
  const Diagnosis diagnosis = diagnose(snapshot);
  EXPECT_EQ(gist(diagnosis), "stuck: block-io-wait likely, io-uring-exit likely");
}

TEST(SiteRules, FrozenIsCertainOnlyWithTheKillAndTheFreezer) {
  TaskBuilder task = TaskBuilder(40, "app", 'D').in("__refrigerator futex_wait");
  task.task.pending_shared = signal_bit(9);
  task.task.cgroup = std::string("/pod/c1");
  Snapshot snapshot = live({task});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: frozen-cgroup likely");
  snapshot.cgroups.push_back({"/pod/c1", 1, true, true, "/sys/fs/cgroup/freezer/pod/c1"});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: frozen-cgroup certain");
  snapshot.tasks[0].pending_shared = std::uint64_t{0};
  EXPECT_EQ(gist(diagnose(snapshot)), "healthy");  // a paused container
}

TEST(SiteRules, AFreezableSleepIsFrozenWhereItStands) {
  TaskBuilder task = TaskBuilder(40, "app", 'D').child_of(30).in("hrtimer_nanosleep common_nsleep");
  task.looks(2, 0, 0);
  task.task.pending_shared = signal_bit(9);
  task.task.cgroup = std::string("/pod/c1");
  const TaskBuilder init = TaskBuilder(30, "init", 'S')
                               .numbers({30, 1})
                               .exiting()
                               .looks(2, 0, 0)
                               .in("do_wait kernel_wait4 zap_pid_ns_processes do_exit");
  Snapshot snapshot = live({init, task});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: uninterruptible-member likely");
  snapshot.cgroups.push_back({"/pod/c1", 2, false, false, "/sys/fs/cgroup/unified/pod/c1"});
  snapshot.cgroups.push_back({"/pod/c1", 1, true, true, "/sys/fs/cgroup/freezer/pod/c1/freezer.state"});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: frozen-cgroup certain");
  const Finding finding = finding_of(diagnose(snapshot), CauseId::frozen_cgroup);
  EXPECT_NE(finding.summary.find("/pod/c1"), std::string::npos) << finding.summary;
  EXPECT_EQ(finding.chain.size(), 3U);
  Snapshot moving = snapshot;
  moving.tasks[1].samples.back().switches = std::uint64_t{99};  // frozen for a moment, to be killed
  EXPECT_EQ(finding_of(diagnose(moving), CauseId::frozen_cgroup).confidence, Confidence::possible);
  snapshot.tasks[1].cgroup = std::string("/pod/c2");
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: uninterruptible-member likely");
}

TEST(SiteRules, AFrozenTaskOutsideThatTheDyingWaitFor) {
  const TaskBuilder init = TaskBuilder(30, "init", 'S')
                               .child_of(20)
                               .numbers({30, 1})
                               .exiting()
                               .looks(2, 0, 0)
                               .in("zap_pid_ns_processes do_exit");
  TaskBuilder parent =
      TaskBuilder(25, "exec", 'S').child_of(20).in("do_freezer_trap get_signal").looks(2, 0, 0);
  parent.task.cgroup = std::string("/tools");
  TaskBuilder zombie = TaskBuilder(40, "sh", 'Z').child_of(25).numbers({40, 9});
  zombie.task.pid_ns = std::uint64_t{7};
  parent.task.pid_ns = std::uint64_t{1};
  Snapshot snapshot = live({init, parent, zombie});
  snapshot.tasks[0].pid_ns = std::uint64_t{7};
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: unreaped-by-outside-parent likely");
  snapshot.cgroups.push_back({"/tools", 2, true, true, "/sys/fs/cgroup/tools/cgroup.events"});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: frozen-cgroup likely, unreaped-by-outside-parent likely");
  const Finding finding = finding_of(diagnose(snapshot), CauseId::frozen_cgroup);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 25);
  EXPECT_EQ(finding.victims.size(), 2U);
  snapshot.tasks[2].ppid = 20;  // no way from the init to the frozen task any more
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: members-not-visible likely");
}

TEST(SiteRules, AHalfFrozenCgroupNamesTheStraggler) {
  Snapshot snapshot = pasted({TaskBuilder(40, "app", 'S').in("do_freezer_trap get_signal"),
                              TaskBuilder(41, "kvm", 'S').in("kvm_nx_huge_page_recovery_worker kthread")});
  snapshot.cgroups.push_back({"/test", 2, true, false, "log:1"});
  const Finding finding = finding_of(diagnose(snapshot), CauseId::frozen_cgroup);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 41);
}

TEST(SiteRules, AHangingReadOfCmdlineIsTheOwnersLock) {
  KernelEvent hang = event(EventKind::read_hangs, "a read of /proc/40/cmdline does not come back");
  hang.tid = 40;
  const Task owner = TaskBuilder(40, "java", 'D');
  EXPECT_EQ(gist(diagnose(pasted({owner}, {hang}))), "stuck: mm-lock-wait likely");
  hang.kind = EventKind::other;  // its words alone mean nothing
  EXPECT_EQ(gist(diagnose(pasted({owner}, {hang}))).find("mm-lock-wait"), std::string::npos);
}

TEST(SiteRules, ALeakedDeviceIsKnownByItsMessage) {
  const KernelEvent wait =
      event(EventKind::netdevice_wait, "unregister_netdevice: waiting for lo to become free.");
  EXPECT_EQ(gist(diagnose(pasted({}, {wait}))), "stuck: netns-reference-leak likely");
  EXPECT_EQ(gist(diagnose(live({TaskBuilder(1, "systemd", 'S')}, {wait}))),
            "unknown: netns-reference-leak possible");
}

}  // namespace
}  // namespace unzap::testing
