// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace unzap::kernel {

/// The routines of which call stacks are made. A routine stands for a kernel function, or for a fixed chain
/// of them that the model enters and leaves as one. What each does says its Program.
enum class Routine : std::uint8_t {
  none,
  // where a stack begins
  syscall_exit_group,  ///< a thread about to call exit_group(2)
  syscall_exit,        ///< a thread about to call exit(2): pthread_exit
  syscall_sleep,       ///< a thread asleep in a system call (pause, futex, epoll_wait)
  exit_to_user_mode,   ///< on the way back to user mode: signals are looked at
  ret_from_fork,       ///< bottom of a thread that create_io_thread() made
  kthread,             ///< bottom of a kworker
  // kernel/signal.c
  get_signal,
  do_freezer_trap,
  // fs/coredump.c
  do_coredump,
  do_group_exit,
  // kernel/task_work.c
  task_work_run,
  // kernel/freezer.c
  refrigerator,
  // kernel/exit.c
  do_exit,
  coredump_task_exit,  ///< exit_mm() in 5.15
  exit_signals,
  exit_notify,
  do_wait,
  kernel_wait4,
  // kernel/pid_namespace.c
  zap_pid_ns_processes,
  // kernel/nsproxy.c, fs/namespace.c
  exit_task_namespaces,
  free_nsproxy,
  put_mnt_ns,
  namespace_unlock,
  // kernel/rcu/tree_exp.h
  synchronize_rcu_expedited,
  exp_funnel_lock,
  wait_rcu_exp_gp,
  // kernel/rcu/tasks.h, kernel/cgroup/cgroup.c, kernel/fork.c: what the task outside does
  synchronize_rcu_tasks,
  cgroup_rmdir,
  copy_process,
  outside_sleep,  ///< before and after that
  // fs/fuse/file.c
  fuse_flush,
  // io_uring/io_uring.c
  io_uring_cancel_generic,
  io_uring_clean_tctx,
  io_ring_ctx_wait_and_kill,
  // io_uring/io-wq.c
  io_wq_put_and_exit,
  io_worker,  ///< io_wqe_worker, io_wq_worker from 6.6 on
  io_worker_handle_work,
  io_wq_do_work,  ///< a request is executed: io_wq_submit_work and below
  io_queue_worker_create,
  io_worker_exit,
  // io_uring/sqpoll.c
  io_sq_thread,
  count_
};

}  // namespace unzap::kernel
