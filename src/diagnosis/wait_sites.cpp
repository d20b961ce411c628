// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/wait_sites.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>

namespace unzap {
namespace {

using enum CauseId;

constexpr WaitsFor k_rcu = WaitsFor::rcu_grace_period;
constexpr WaitsFor k_out = WaitsFor::outside;
constexpr WaitsFor k_grp = WaitsFor::cgroup;
constexpr WaitsFor k_own = WaitsFor::same_kind;
constexpr WaitsFor k_dying = WaitsFor::dying;

/// Something of the waiting task itself.
constexpr WaitObject its(const char* text) {
  WaitObject out(text);
  out.own = true;
  return out;
}

constexpr WaitObject frozen_fs(const char* text) {
  WaitObject out(text);
  out.frozen_fs = true;
  return out;
}

constexpr WaitObject k_frozen = frozen_fs("a frozen file system (fsfreeze) to be thawed");

// Function names are those of mainline between 3.10 and 6.18; where a function was renamed both names stand.
const std::vector<WaitSite> k_sites = {
    // RCU. Before everything else: whoever asked for the grace period, the leaf is who holds it up.
    {{"__wait_rcu_gp", "synchronize_rcu_tasks*"},
     unreaped_by_outside_parent,
     k_dying,
     "tasks in exit (rcu_tasks)"},
    {{"wait_rcu_gp", "synchronize_rcu_tasks*"},
     unreaped_by_outside_parent,
     k_dying,
     "tasks in exit (rcu_tasks)"},
    {{"exp_funnel_lock"}, rcu_held_up, k_rcu, its("turn for an expedited RCU grace period")},
    {{"synchronize_rcu_expedited"}, rcu_held_up, k_rcu, "an expedited RCU grace period"},
    {{"synchronize_sched_expedited"}, rcu_held_up, k_rcu, "an expedited RCU grace period"},
    {{"rcu_exp_wait_wake"}, rcu_held_up, k_rcu, "the CPUs that an expedited RCU grace period still misses"},
    {{"rcu_exp_sel_wait_wake"}, rcu_held_up, k_rcu, "the CPUs that an expedited RCU grace period misses"},
    {{"__wait_rcu_gp"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"wait_rcu_gp"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"synchronize_rcu_normal"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"synchronize_rcu"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"synchronize_sched"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"synchronize_net"}, rcu_held_up, k_rcu, "an RCU grace period"},
    {{"rcu_barrier"}, rcu_held_up, k_rcu, "RCU callbacks of every CPU"},
    {{"_rcu_barrier"}, rcu_held_up, k_rcu, "RCU callbacks of every CPU"},

    // A parent that ought to reap, but waits itself for the dying (cgroup rmdir, rcu_tasks).
    {{"cgroup_drain_dying"}, unreaped_by_outside_parent, k_dying, "dying tasks to leave a cgroup (rmdir)"},
    {{"synchronize_rcu_tasks"}, unreaped_by_outside_parent, k_dying, "tasks in exit to pass (rcu_tasks)"},
    {{"synchronize_rcu_tasks_generic"}, unreaped_by_outside_parent, k_dying, "tasks in exit (rcu_tasks)"},
    {{"rcu_tasks_wait_gp"}, unreaped_by_outside_parent, k_dying, "tasks in exit to pass (rcu_tasks)"},

    // Freezers.
    {{"__refrigerator"}, frozen_cgroup, k_grp, its("freezer to thaw it")},
    {{"do_freezer_trap"}, frozen_cgroup, k_grp, its("cgroup v2 to thaw it")},
    {{"cgroup_enter_frozen"}, frozen_cgroup, k_grp, its("cgroup v2 to thaw it")},
    {{"get_signal", "do_freezer_trap"}, frozen_cgroup, k_grp, its("cgroup v2 to thaw it")},

    // Tracers.
    {{"ptrace_stop"}, traced_member, k_own, its("tracer")},
    {{"ptrace_notify"}, traced_member, k_own, its("tracer")},
    {{"ptrace_event"}, traced_member, k_own, its("tracer")},

    // Core dumps. Before exit-path: coredump_task_exit stands below do_exit.
    {{"coredump_task_exit"}, coredump_wait, k_own, "the core dump of its process to end"},
    {{"coredump_wait"}, coredump_wait, k_own, "the other threads to park for the core dump"},
    {{"dump_emit"}, coredump_wait, k_out, "whoever reads the core dump (core_pattern pipe or file)"},
    {{"dump_user_range"}, coredump_wait, k_out, "whoever reads the core dump"},
    {{"pipe_write", "do_coredump"}, coredump_wait, k_out, "the core dump helper to read the pipe"},
    {{"wait_for_dump_helpers"}, coredump_wait, k_out, "the core dump helper to finish"},
    {{"do_coredump"}, coredump_wait, k_out, its("core dump to be written"), true},
    {{"vfs_coredump"}, coredump_wait, k_out, its("core dump to be written"), true},

    // FUSE.
    {{"request_wait_answer"}, fuse_request, k_out, "the answer of a FUSE server"},
    {{"fuse_request_send"}, fuse_request, k_out, "the answer of a FUSE server"},
    {{"__fuse_request_send"}, fuse_request, k_out, "the answer of a FUSE server"},
    {{"fuse_simple_request"}, fuse_request, k_out, "the answer of a FUSE server"},
    {{"__fuse_simple_request"}, fuse_request, k_out, "the answer of a FUSE server"},
    {{"fuse_get_req"}, fuse_request, k_out, "room in the queue of a FUSE server"},
    {{"fuse_sync_writes"}, fuse_request, k_out, "write-back to a FUSE server"},
    {{"fuse_set_nowrite"}, fuse_request, k_out, "write-back to a FUSE server"},
    {{"fuse_wait_on_page_writeback"}, fuse_request, k_out, "write-back to a FUSE server"},
    {{"fuse_wait_aborted"}, fuse_request, k_out, "requests of an aborted FUSE connection"},
    {{"fuse_*"}, fuse_request, k_out, "a FUSE file system", true},

    // Network file systems.
    {{"rpc_wait_bit_killable"}, network_fs_wait, k_out, "the answer of an NFS server (RPC)"},
    {{"__rpc_wait_for_completion_task"}, network_fs_wait, k_out, "the answer of an NFS server (RPC)"},
    {{"__rpc_execute"}, network_fs_wait, k_out, "the answer of an NFS server (RPC)"},
    {{"rpc_run_task"}, network_fs_wait, k_out, "the answer of an NFS server (RPC)"},
    {{"rpc_shutdown_client"}, network_fs_wait, k_out, "RPC tasks of an NFS mount to end"},
    {{"nfs_wait_bit_killable"}, network_fs_wait, k_out, "the answer of an NFS server"},
    {{"nfs_wait_client_init_complete"}, network_fs_wait, k_out, "an NFS mount that is being set up"},
    {{"nfs_iocounter_wait"}, network_fs_wait, k_out, "I/O to an NFS server"},
    {{"nfs4_*"}, network_fs_wait, k_out, "an NFS server"},
    {{"_nfs4_*"}, network_fs_wait, k_out, "an NFS server"},
    {{"nfs_*"}, network_fs_wait, k_out, "an NFS server"},
    {{"nfs3_*"}, network_fs_wait, k_out, "an NFS server"},
    {{"nfs41_*"}, network_fs_wait, k_out, "an NFS server"},
    {{"rpc_*"}, network_fs_wait, k_out, "the answer of an NFS server (RPC)"},
    {{"nlmclnt_*"}, network_fs_wait, k_out, "the lock server of an NFS mount"},
    {{"wait_for_response"}, network_fs_wait, k_out, "the answer of an SMB server"},
    {{"compound_send_recv"}, network_fs_wait, k_out, "the answer of an SMB server"},
    {{"cifs_*"}, network_fs_wait, k_out, "an SMB server"},
    {{"smb2_*"}, network_fs_wait, k_out, "an SMB server"},
    {{"SMB2_*"}, network_fs_wait, k_out, "an SMB server"},
    {{"smb3_*"}, network_fs_wait, k_out, "an SMB server"},
    {{"SendReceive*"}, network_fs_wait, k_out, "the answer of an SMB server"},
    {{"__cifs_*"}, network_fs_wait, k_out, "an SMB server"},
    {{"__ceph_*"}, network_fs_wait, k_out, "a Ceph cluster"},
    {{"ceph_*"}, network_fs_wait, k_out, "a Ceph cluster"},
    {{"p9_client_rpc"}, network_fs_wait, k_out, "the answer of a 9p server"},
    {{"p9_*"}, network_fs_wait, k_out, "a 9p server"},
    {{"v9fs_*"}, network_fs_wait, k_out, "a 9p server"},
    {{"afs_*"}, network_fs_wait, k_out, "an AFS server"},
    {{"ocfs2_*"}, network_fs_wait, k_out, "another node of an OCFS2 cluster"},
    {{"dlm_*"}, network_fs_wait, k_out, "another node (distributed lock manager)"},
    {{"gfs2_glock_*"}, network_fs_wait, k_out, "another node of a GFS2 cluster"},
    {{"[lustre]"}, network_fs_wait, k_out, "a Lustre server"},
    {{"[ptlrpc]"}, network_fs_wait, k_out, "a Lustre server"},
    {{"[beegfs]"}, network_fs_wait, k_out, "a BeeGFS server"},
    {{"[mmfs26]"}, network_fs_wait, k_out, "a GPFS server"},
    {{"[mmfslinux]"}, network_fs_wait, k_out, "a GPFS server"},
    {{"autofs_wait"}, network_fs_wait, k_out, "the automounter to mount"},
    {{"autofs_mount_wait"}, network_fs_wait, k_out, "the automounter to mount"},

    // io_uring's own waits.
    {{"io_wq_exit_workers"}, io_uring_exit, k_own, its("io-wq workers to finish")},
    {{"io_wq_put_and_exit"}, io_uring_exit, k_own, its("io-wq workers to finish")},
    {{"io_wq_destroy*"}, io_uring_exit, k_own, its("io-wq workers to finish")},
    {{"io_wq_manager"}, io_uring_exit, k_own, "io-wq workers to finish"},
    {{"io_worker_exit"}, io_uring_exit, k_own, "a creation request that its owner has not run"},
    {{"io_uring_cancel_generic"}, io_uring_exit, k_own, its("io_uring requests to be cancelled")},
    {{"__io_uring_cancel"}, io_uring_exit, k_own, its("io_uring requests to be cancelled")},
    {{"__io_uring_files_cancel"}, io_uring_exit, k_own, its("io_uring requests to be cancelled")},
    {{"io_uring_del_tctx_node"}, io_uring_exit, k_own, "the lock of an io_uring ring"},
    {{"io_uring_del_task_file"}, io_uring_exit, k_own, "the lock of an io_uring ring"},
    {{"io_uring_clean_tctx"}, io_uring_exit, k_own, its("io_uring state to be taken down")},
    {{"io_ring_exit_work"}, io_uring_exit, k_own, "the requests of a closed io_uring ring"},
    {{"io_ring_ctx_wait_and_kill"}, io_uring_exit, k_own, "the requests of a closed io_uring ring"},
    {{"io_ring_ctx_free"}, io_uring_exit, k_own, "a closed io_uring ring"},
    {{"io_sq_thread_finish"}, io_uring_exit, k_own, "the SQPOLL thread of a ring to end"},
    {{"io_sq_thread_stop"}, io_uring_exit, k_own, "the SQPOLL thread of a ring to end"},
    {{"io_sq_thread_park"}, io_uring_exit, k_own, "the SQPOLL thread of a ring to park"},
    {{"io_uring_cancel_sqpoll"}, io_uring_exit, k_own, "the SQPOLL thread of a ring"},
    {{"__mutex_lock*", "__do_sys_io_uring_enter"}, io_uring_exit, k_own, "the lock of an io_uring ring"},
    {{"__mutex_lock*", "io_*"}, io_uring_exit, k_own, "the lock of an io_uring ring", true},
    {{"io_wqe_worker"}, io_uring_exit, k_own, its("io_uring request, or its own end"), true},
    {{"io_wq_worker"}, io_uring_exit, k_own, its("io_uring request, or its own end"), true},
    {{"io_sq_thread"}, io_uring_exit, k_own, its("io_uring requests, or its own end"), true},

    // cgroup locks.
    {{"cgroup_lock_and_drain_offline"}, cgroup_lock, k_own, "cgroups that are being destroyed"},
    {{"cgroup_bpf_release"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"cgroup_kn_lock_live"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"cgroup_kn_lock*"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"css_killed_work_fn"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"css_release_work_fn"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"css_free_*"}, cgroup_lock, k_own, "a cgroup that is being destroyed"},
    {{"cgroup_destroy_locked"}, cgroup_lock, k_own, "a cgroup that is being destroyed"},
    {{"cgroup_migrate*"}, cgroup_lock, k_own, "a cgroup migration"},
    {{"cgroup_attach_task*"}, cgroup_lock, k_own, "a cgroup migration"},
    {{"cgroup_procs_write*"}, cgroup_lock, k_own, "cgroup_mutex or the thread group lock"},
    {{"__cgroup_procs_write"}, cgroup_lock, k_own, "cgroup_mutex or the thread group lock"},
    {{"cgroup_threadgroup_change_begin"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)"},
    {{"percpu_down_read", "exit_signals"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)"},
    {{"__percpu_down_read", "exit_signals"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)"},
    {{"percpu_rwsem_wait", "exit_signals"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)"},
    {{"percpu_rwsem_wait", "copy_process"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)"},
    {{"exit_signals"}, cgroup_lock, k_own, "a cgroup migration (threadgroup rwsem)", true},
    {{"proc_cgroup_show"}, cgroup_lock, k_own, "cgroup_mutex"},
    {{"cgroup_exit"}, cgroup_lock, k_own, "a cgroup lock", true},
    {{"cgroup_release"}, cgroup_lock, k_own, "a cgroup lock", true},
    {{"cgroup_rmdir"}, cgroup_lock, k_own, "cgroup_mutex", true},
    {{"cgroup_mkdir"}, cgroup_lock, k_own, "cgroup_mutex", true},
    {{"cpuset_*"}, cgroup_lock, k_own, "cpuset_mutex or cgroup_mutex", true},
    {{"cgroup_*"}, cgroup_lock, k_own, "a cgroup lock", true},

    // Network namespaces.
    {{"netdev_wait_allrefs*"}, netns_reference_leak, k_out, "the last reference to a network device"},
    {{"netdev_run_todo"}, netns_reference_leak, k_out, "the last reference to a network device"},
    {{"copy_net_ns"}, netns_reference_leak, k_own, "the lock that cleanup_net holds"},
    {{"cleanup_net"}, netns_reference_leak, k_own, "a network namespace to go"},
    {{"setup_net"}, netns_reference_leak, k_own, "a network namespace", true},

    // Memory: mmap lock, memory cgroup.
    {{"exit_mmap"}, mm_lock_wait, k_own, its("address space to be taken down")},
    {{"mem_cgroup_oom_synchronize"}, mm_lock_wait, k_out, its("memory cgroup's OOM handler")},
    {{"mem_cgroup_handle_oom"}, mm_lock_wait, k_out, its("memory cgroup's OOM handler")},
    {{"mem_cgroup_handle_over_high"}, mm_lock_wait, k_out, its("memory cgroup to fall below memory.high")},
    {{"rwsem_down_*", "exit_mm"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"down_read", "exit_mm"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"exit_mm"}, mm_lock_wait, k_own, "the mmap lock of its process", true, true},
    {{"proc_pid_cmdline_read"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"proc_pid_cmdline"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"get_cmdline"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"environ_read"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"access_remote_vm"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"__access_remote_vm"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"m_start", "seq_read*"}, mm_lock_wait, k_own, "the mmap lock of another process"},
    {{"rwsem_down_*", "do_user_addr_fault"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "__do_page_fault"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"call_rwsem_down_*", "__do_page_fault"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "vm_mmap_pgoff"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "__vm_munmap"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "do_madvise*"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "do_mprotect*"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"rwsem_down_*", "dup_mm*"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"down_write_killable", "vm_mmap_pgoff"}, mm_lock_wait, k_own, "the mmap lock of its process"},
    {{"handle_userfault"}, mm_lock_wait, k_out, its("userfaultfd handler")},
    {{"do_user_addr_fault"}, mm_lock_wait, k_own, "a page fault, most often the mmap lock", true, true},
    {{"__do_page_fault"}, mm_lock_wait, k_own, "a page fault, most often the mmap lock", true, true},
    {{"vm_mmap_pgoff"}, mm_lock_wait, k_own, "the mmap lock of its process", true, true},
    {{"__vm_munmap"}, mm_lock_wait, k_own, "the mmap lock of its process", true, true},
    {{"do_madvise*"}, mm_lock_wait, k_own, "the mmap lock of its process", true, true},
    {{"do_mprotect*"}, mm_lock_wait, k_own, "the mmap lock of its process", true, true},
    {{"khugepaged*"}, mm_lock_wait, k_own, "the mmap lock of a process", true, true},

    // Block layer, journals, devices.
    {{"wait_transaction_locked"}, block_io_wait, k_out, "the running transaction of a journal"},
    {{"jbd2_*"}, block_io_wait, k_out, "a journal (jbd2)"},
    {{"blk_mq_get_tag"}, block_io_wait, k_out, "a free request of a block device"},
    {{"blk_mq_freeze_queue_wait*"}, block_io_wait, k_out, "the requests of a block device to finish"},
    {{"blk_queue_enter"}, block_io_wait, k_out, "a frozen block device"},
    {{"__bio_queue_enter"}, block_io_wait, k_out, "a frozen block device"},
    {{"blk_execute_rq*"}, block_io_wait, k_out, "a request of a block device"},
    {{"blkdev_issue_flush"}, block_io_wait, k_out, "the flush of a block device"},
    {{"submit_bio_wait"}, block_io_wait, k_out, "a request of a block device"},
    {{"rq_qos_wait"}, block_io_wait, k_out, "write-back throttling of a block device"},
    {{"wbt_wait"}, block_io_wait, k_out, "write-back throttling of a block device"},
    {{"md_*"}, block_io_wait, k_out, "an md array"},
    {{"raid*"}, block_io_wait, k_out, "an md array", true, true},
    {{"dm_*"}, block_io_wait, k_out, "a device mapper target"},
    {{"loop_*"}, block_io_wait, k_out, "a loop device"},
    {{"__loop_clr_fd"}, block_io_wait, k_out, "a loop device"},
    {{"nbd_*"}, block_io_wait, k_out, "the server of a network block device"},
    {{"rbd_*"}, block_io_wait, k_out, "a Ceph block device"},
    {{"nvme_*"}, block_io_wait, k_out, "an NVMe device"},
    {{"scsi_*"}, block_io_wait, k_out, "a SCSI device"},
    {{"xlog_*"}, block_io_wait, k_out, "the log of an XFS file system"},
    {{"xfs_*"}, block_io_wait, k_out, "an XFS file system"},
    {{"ext4_*"}, block_io_wait, k_out, "an ext4 file system"},
    {{"btrfs_*"}, block_io_wait, k_out, "a btrfs file system"},
    {{"f2fs_*"}, block_io_wait, k_out, "an f2fs file system"},
    {{"[zfs]"}, block_io_wait, k_out, "a ZFS pool"},
    {{"[spl]"}, block_io_wait, k_out, "a ZFS pool"},
    {{"txg_wait_*"}, block_io_wait, k_out, "a ZFS pool"},
    {{"zil_commit*"}, block_io_wait, k_out, "a ZFS pool"},
    {{"zfs_*"}, block_io_wait, k_out, "a ZFS pool"},
    {{"zpl_*"}, block_io_wait, k_out, "a ZFS pool"},
    {{"blkcg_*"}, block_io_wait, k_out, "a block device's throttling"},
    {{"blk_throtl_*"}, block_io_wait, k_out, "a block device's throttling"},
    {{"bdev_freeze*"}, block_io_wait, k_out, frozen_fs("a frozen block device")},
    {{"ovl_*"}, block_io_wait, k_out, "the file system below an overlay", true, true},
    {{"inode_dio_wait"}, block_io_wait, k_out, "direct I/O on an inode"},
    {{"__sync_dirty_buffer"}, block_io_wait, k_out, "a buffer to be written"},
    {{"__wait_on_buffer"}, block_io_wait, k_out, "a buffer to be read or written"},
    {{"wb_wait_for_completion"}, block_io_wait, k_out, "write-back"},
    {{"sync_inodes_sb"}, block_io_wait, k_out, "write-back"},
    {{"writeback_*"}, block_io_wait, k_out, "write-back"},
    {{"freeze_super"}, block_io_wait, k_out, frozen_fs("a file system that is being frozen")},
    {{"thaw_super*"}, block_io_wait, k_out, frozen_fs("a frozen file system")},
    {{"sb_start_write"}, block_io_wait, k_out, frozen_fs("a frozen file system")},
    {{"__sb_start_write"}, block_io_wait, k_out, frozen_fs("a frozen file system")},
    // sb_start_write(), sb_start_pagefault() and sb_start_intwrite() are inlined (include/linux/fs.h) into
    // these.
    {{"percpu_rwsem_wait", "mnt_want_write*"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "vfs_write"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "vfs_writev"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "do_writev"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "vfs_iter_write"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "do_iter_write"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "vfs_fallocate"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "vfs_copy_file_range"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "aio_write"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "io_write"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "path_openat"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "do_truncate"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "filemap_page_mkwrite"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "do_page_mkwrite"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "xfs_trans_alloc*"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "ext4_journal_check_start"}, block_io_wait, k_out, k_frozen},
    {{"percpu_rwsem_wait", "__ext4_journal_start_sb"}, block_io_wait, k_out, k_frozen},
    {{"balance_dirty_pages*"}, block_io_wait, k_out, "write-back to catch up"},
    {{"folio_wait_writeback"}, block_io_wait, k_out, "a page to be written", true, true},
    {{"wait_on_page_writeback"}, block_io_wait, k_out, "a page to be written", true, true},
    {{"folio_wait_bit_common"}, block_io_wait, k_out, "a page to be read or written", true, true},
    {{"wait_on_page_bit*"}, block_io_wait, k_out, "a page to be read or written", true, true},
    {{"__lock_page*"}, block_io_wait, k_out, "a page to be read or written", true, true},
    {{"__folio_lock*"}, block_io_wait, k_out, "a page to be read or written", true, true},
    {{"filemap_fault"}, block_io_wait, k_out, "a page to be read", true, true},
    {{"io_schedule"}, block_io_wait, k_out, "I/O", true, true},

    // Other waits inside do_exit.
    {{"tty_ldisc_*", "do_exit"}, exit_path_wait, k_own, "the line discipline of its terminal"},
    {{"ldsem_down_*", "do_exit"}, exit_path_wait, k_own, "the line discipline of its terminal"},
    {{"disassociate_ctty"}, exit_path_wait, k_own, its("terminal to hang up")},
    {{"tty_*"}, exit_path_wait, k_own, "a terminal", true},
    {{"fanotify_*"}, exit_path_wait, k_own, "a fanotify listener"},
    {{"fsnotify_*", "do_exit"}, exit_path_wait, k_own, "an fsnotify group to go", true},
    {{"inotify_*", "do_exit"}, exit_path_wait, k_own, "an fsnotify group to go", true},
    {{"flush_workqueue", "do_exit"}, exit_path_wait, k_own, "a kernel work queue", true},
    {{"__flush_work", "do_exit"}, exit_path_wait, k_own, "a kernel work item", true},
    {{"kthread_stop", "do_exit"}, exit_path_wait, k_own, "a kernel thread to stop", true},
    {{"vhost_*"}, exit_path_wait, k_own, "a vhost worker", true},
    {{"kvm_*"}, exit_path_wait, k_own, "a virtual machine to be taken down", true},
    {{"synchronize_srcu*"}, exit_path_wait, k_own, "an SRCU grace period", true},
    {{"__synchronize_srcu*"}, exit_path_wait, k_own, "an SRCU grace period", true},
    {{"perf_event_exit*"}, exit_path_wait, k_own, "perf events", true},
    {{"make_task_dead"}, exit_path_wait, k_out, "nothing: it died in an oops and never finishes"},
    {{"rewind_stack_and_make_dead"}, exit_path_wait, k_out, "nothing: it died in an oops"},
    {{"rewind_stack_do_exit"}, exit_path_wait, k_out, "nothing: it died in an oops"},
};

// Innermost functions of a task that merely has nothing to do.
constexpr std::string_view k_idle[] = {"fuse_dev_do_read",
                                       "svc_recv",
                                       "md_thread",
                                       "scsi_error_handler",
                                       "kjournald2",
                                       "worker_thread",
                                       "rescuer_thread",
                                       "kthread",
                                       "smpboot_thread_fn",
                                       "do_wait",
                                       "futex_wait_queue",
                                       "futex_wait",
                                       "futex_wait_queue_me",
                                       "ep_poll",
                                       "do_epoll_wait",
                                       "poll_schedule_timeout",
                                       "pipe_read",
                                       "pipe_wait",
                                       "do_nanosleep",
                                       "hrtimer_nanosleep",
                                       "sigsuspend",
                                       "__do_sys_pause",
                                       "inet_csk_accept",
                                       "io_cqring_wait",
                                       "loop_thread",
                                       "kauditd_thread",
                                       "kswapd",
                                       "khugepaged",
                                       "rcu_gp_kthread",
                                       "wait_woken",
                                       "n_tty_read",
                                       "unix_stream_read_generic",
                                       "unix_stream_data_wait",
                                       "do_sigtimedwait"};

bool idle(const Stack& stack) {
  const std::string_view top = stack.top();
  if (top.empty()) return false;
  return std::find(std::begin(k_idle), std::end(k_idle), top) != std::end(k_idle);
}

bool fits(std::string_view pattern, const Frame& frame) {
  if (pattern.front() == '[') return frame.module == pattern.substr(1, pattern.size() - 2);
  if (pattern.back() == '*') {
    const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
    return std::string_view(frame.function).substr(0, prefix.size()) == prefix;
  }
  return frame.function == pattern;
}

/// The position of the first function of `site` in `stack`, when all of them are there in order.
std::optional<std::size_t> depth_of(const Stack& stack, const WaitSite& site) {
  std::optional<std::size_t> first;
  std::size_t wanted = 0;
  for (std::size_t at = 0; at < stack.frames.size() && wanted < site.functions.size(); ++at) {
    const Frame& frame = stack.frames[at];
    if (frame.guess || frame.interrupt || !fits(site.functions[wanted], frame)) continue;
    if (wanted++ == 0) first = at;
  }
  return wanted == site.functions.size() ? first : std::nullopt;
}

}  // namespace

const std::vector<WaitSite>& wait_sites() {
  return k_sites;
}

const WaitSite* wait_site(const Stack& stack) {
  if (idle(stack)) return nullptr;
  const WaitSite* best = nullptr;
  std::size_t best_depth = 0;
  for (const WaitSite& site : k_sites) {
    const auto depth = depth_of(stack, site);
    if (!depth) continue;
    const bool better =
        best == nullptr || (best->weak && !site.weak) || (best->weak == site.weak && *depth < best_depth);
    if (!better) continue;
    best = &site;
    best_depth = *depth;
  }
  return best;
}

bool only_by_prefix(const Stack& stack, const WaitSite& site) {
  const std::string_view pattern = site.functions.front();
  return site.functions.size() == 1 && (pattern.back() == '*' || pattern.front() == '[') &&
         matched_functions(stack, site) == std::vector<std::string>{std::string(stack.top())};
}

std::vector<std::string> matched_functions(const Stack& stack, const WaitSite& site) {
  std::vector<std::string> out;
  for (const Frame& frame : stack.frames) {
    if (out.size() == site.functions.size()) break;
    if (frame.guess || frame.interrupt || !fits(site.functions[out.size()], frame)) continue;
    out.push_back(frame.function);
  }
  return out;
}

}  // namespace unzap
