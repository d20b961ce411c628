// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/routines.hpp"

#include <array>

#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

using Names = std::string_view;

constexpr Names k_exit_group[] = {"__x64_sys_exit_group", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_exit[] = {"__x64_sys_exit", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_sleep[] = {"__x64_sys_pause", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_to_user[] = {"arch_do_signal_or_restart", "exit_to_user_mode_prepare",
                               "syscall_exit_to_user_mode", "do_syscall_64",
                               "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_ret_from_fork[] = {"ret_from_fork"};
constexpr Names k_kthread[] = {"process_one_work", "worker_thread", "kthread", "ret_from_fork"};
constexpr Names k_get_signal[] = {"get_signal"};
constexpr Names k_freezer_trap[] = {"do_freezer_trap"};
constexpr Names k_coredump[] = {"coredump_wait", "do_coredump"};
constexpr Names k_coredump_task_exit[] = {"coredump_task_exit"};
constexpr Names k_do_group_exit[] = {"do_group_exit"};
constexpr Names k_refrigerator[] = {"__refrigerator"};
constexpr Names k_rcu_tasks[] = {"__synchronize_srcu", "synchronize_srcu", "rcu_tasks_wait_gp",
                                 "synchronize_rcu_tasks"};
constexpr Names k_rmdir[] = {
    "cgroup_drain_dying", "cgroup_rmdir",    "kernfs_iop_rmdir", "vfs_rmdir",
    "do_rmdir",           "__x64_sys_rmdir", "do_syscall_64",    "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_copy_process[] = {"copy_process", "kernel_clone", "__do_sys_clone", "do_syscall_64",
                                    "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_outside[] = {"do_wait", "kernel_wait4", "__do_sys_wait4", "do_syscall_64",
                               "entry_SYSCALL_64_after_hwframe"};
constexpr Names k_fuse_flush[] = {"request_wait_answer", "fuse_simple_request", "fuse_flush", "filp_close",
                                  "put_files_struct"};
constexpr Names k_task_work_add[] = {"task_work_add"};
constexpr Names k_task_work_run[] = {"task_work_run"};
constexpr Names k_do_exit[] = {"do_exit"};
constexpr Names k_exit_signals[] = {"exit_signals"};
constexpr Names k_exit_notify[] = {"exit_notify"};
constexpr Names k_do_wait[] = {"do_wait"};
constexpr Names k_kernel_wait4[] = {"kernel_wait4"};
constexpr Names k_zap[] = {"zap_pid_ns_processes", "find_child_reaper", "forget_original_parent"};
constexpr Names k_exit_task_namespaces[] = {"switch_task_namespaces", "exit_task_namespaces"};
constexpr Names k_free_nsproxy[] = {"free_nsproxy"};
constexpr Names k_put_mnt_ns[] = {"put_mnt_ns"};
constexpr Names k_namespace_unlock[] = {"namespace_unlock"};
constexpr Names k_synchronize[] = {"synchronize_rcu_expedited"};
constexpr Names k_funnel[] = {"exp_funnel_lock"};
constexpr Names k_wait_exp_gp[] = {"rcu_exp_wait_wake", "wait_rcu_exp_gp"};
constexpr Names k_cancel_generic[] = {"io_uring_cancel_generic", "__io_uring_cancel"};
constexpr Names k_clean_tctx[] = {"io_uring_clean_tctx"};
constexpr Names k_ring_kill[] = {"io_ring_ctx_wait_and_kill", "io_uring_release", "__fput"};
constexpr Names k_put_and_exit[] = {"io_wq_put_and_exit"};
constexpr Names k_io_worker[] = {"io_wqe_worker"};
constexpr Names k_handle_work[] = {"io_worker_handle_work"};
constexpr Names k_do_work[] = {"io_issue_sqe", "io_wq_submit_work"};
constexpr Names k_worker_create[] = {"io_queue_worker_create", "io_wq_worker_sleeping"};
constexpr Names k_worker_exit[] = {"io_worker_exit"};
constexpr Names k_sq_thread[] = {"io_sq_thread"};

constexpr RoutineInfo k_infos[] = {
    {"", "", {}},
    {"exit_group", "kernel/exit.c", k_exit_group},
    {"exit", "kernel/exit.c", k_exit},
    {"pause", "kernel/signal.c", k_sleep},
    {"exit_to_user_mode_loop", "kernel/entry/common.c", k_to_user},
    {"ret_from_fork", "arch/x86/entry/entry_64.S", k_ret_from_fork},
    {"worker_thread", "kernel/workqueue.c", k_kthread},
    {"get_signal", "kernel/signal.c", k_get_signal},
    {"do_freezer_trap", "kernel/signal.c", k_freezer_trap},
    {"do_coredump", "fs/coredump.c", k_coredump},
    {"do_group_exit", "kernel/exit.c", k_do_group_exit},
    {"task_work_add", "kernel/task_work.c", k_task_work_add},
    {"task_work_run", "kernel/task_work.c", k_task_work_run},
    {"__refrigerator", "kernel/freezer.c", k_refrigerator},
    {"do_exit", "kernel/exit.c", k_do_exit},
    {"coredump_task_exit", "kernel/exit.c", k_coredump_task_exit},
    {"exit_signals", "kernel/signal.c", k_exit_signals},
    {"exit_task_work", "include/linux/task_work.h", {}},
    {"exit_notify", "kernel/exit.c", k_exit_notify},
    {"do_wait", "kernel/exit.c", k_do_wait},
    {"kernel_wait4", "kernel/exit.c", k_kernel_wait4},
    {"zap_pid_ns_processes", "kernel/pid_namespace.c", k_zap},
    {"exit_task_namespaces", "kernel/nsproxy.c", k_exit_task_namespaces},
    {"free_nsproxy", "kernel/nsproxy.c", k_free_nsproxy},
    {"put_mnt_ns", "fs/namespace.c", k_put_mnt_ns},
    {"namespace_unlock", "fs/namespace.c", k_namespace_unlock},
    {"synchronize_rcu_expedited", "kernel/rcu/tree_exp.h", k_synchronize},
    {"exp_funnel_lock", "kernel/rcu/tree_exp.h", k_funnel},
    {"wait_rcu_exp_gp", "kernel/rcu/tree_exp.h", k_wait_exp_gp},
    {"synchronize_rcu_tasks", "kernel/rcu/tasks.h", k_rcu_tasks},
    {"cgroup_rmdir", "kernel/cgroup/cgroup.c", k_rmdir},
    {"copy_process", "kernel/fork.c", k_copy_process},
    {"wait4", "kernel/exit.c", k_outside},
    {"fuse_flush", "fs/fuse/file.c", k_fuse_flush},
    {"io_uring_cancel_generic", "io_uring/io_uring.c", k_cancel_generic},
    {"io_uring_clean_tctx", "io_uring/tctx.c", k_clean_tctx},
    {"io_ring_ctx_wait_and_kill", "io_uring/io_uring.c", k_ring_kill},
    {"io_wq_put_and_exit", "io_uring/io-wq.c", k_put_and_exit},
    {"io_wqe_worker", "io_uring/io-wq.c", k_io_worker},
    {"io_worker_handle_work", "io_uring/io-wq.c", k_handle_work},
    {"io_wq_submit_work", "io_uring/io_uring.c", k_do_work},
    {"io_queue_worker_create", "io_uring/io-wq.c", k_worker_create},
    {"io_worker_exit", "io_uring/io-wq.c", k_worker_exit},
    {"io_sq_thread", "io_uring/sqpoll.c", k_sq_thread},
};
static_assert(std::size(k_infos) == static_cast<std::size_t>(Routine::count_));

}  // namespace

const RoutineInfo& info(Routine routine) {
  UNZAP_ASSERT(routine < Routine::count_, "no such routine: {}", static_cast<int>(routine));
  return k_infos[static_cast<std::size_t>(routine)];
}

}  // namespace unzap::kernel
