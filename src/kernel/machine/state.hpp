// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "kernel/machine/routines.hpp"

namespace unzap::kernel {

// How large a scenario can be. Each of these is paid for in every stored state.
inline constexpr std::size_t k_max_tasks = 13;
inline constexpr std::size_t k_max_processes = 10;
inline constexpr std::size_t k_max_cpus = 4;
inline constexpr std::size_t k_max_depth = 10;      ///< frames of a call stack
inline constexpr std::size_t k_max_wqs = 4;         ///< io_uring contexts that own workers
inline constexpr std::size_t k_max_containers = 4;  ///< each with a pid and a mount namespace of its own

using TaskNo = std::uint8_t;
inline constexpr TaskNo k_no_task = 0xff;
inline constexpr TaskNo k_outside =
    0xfe;  ///< a task outside the scenario: the parent of the container's init
inline constexpr std::uint8_t k_no_cpu = 0xff;
inline constexpr std::uint8_t k_any_cpu =
    0xfe;  ///< a run queue that the load balancer may change at any time

/// One frame: which routine, and at which of its steps it stands (a caller: where it goes on after the call).
struct CallFrame {
  Routine routine;
  std::uint8_t step;  ///< its name, a value of the routine's enum, or k_tail
  bool operator==(const CallFrame&) const = default;
};

/// The step of a frame that has nothing left to do when what it called returns.
inline constexpr std::uint8_t k_tail = 0xff;

/// A name of a step: an `enum class` of a routine, with a function routine_of() next to it.
template <class T>
concept StepName = std::is_enum_v<T> && requires(T name) {
  { routine_of(name) } -> std::same_as<Routine>;
};

template <StepName Name>
constexpr CallFrame frame_of(Name name) {
  return {routine_of(name), static_cast<std::uint8_t>(name)};
}

/// task->__state. `dead` is TASK_DEAD: off the CPU forever.
enum class RunState : std::uint8_t { running, interruptible, uninterruptible, idle, dead };

/// task->exit_state. `released` is not the kernel's: release_task() is through, the pid is free.
enum class ExitState : std::uint8_t { none, zombie, dead, released };

// Thread flags (thread_info->flags).
inline constexpr std::uint8_t k_tif_sigpending = 1U << 0;
inline constexpr std::uint8_t k_tif_notify_signal = 1U << 1;

// task->flags, and bits of the signal and RCU state that belong to one task.
inline constexpr std::uint8_t k_pf_exiting = 1U << 0;
inline constexpr std::uint8_t k_pf_io_worker = 1U << 1;
inline constexpr std::uint8_t k_pf_no_notify_signal = 1U << 2;
inline constexpr std::uint8_t k_sigkill_private = 1U << 3;  ///< SIGKILL in task->pending
inline constexpr std::uint8_t k_rcu_reader = 1U << 4;       ///< inside rcu_read_lock()
inline constexpr std::uint8_t k_rcu_blocks_gp = 1U << 5;  ///< a grace period waits for its rcu_read_unlock()
inline constexpr std::uint8_t k_timed_out = 1U << 6;      ///< its last schedule_timeout() ran to the end
inline constexpr std::uint8_t k_on_rq = 1U << 7;          ///< runnable: queued or on a CPU

// More of the same, in a second byte.
inline constexpr std::uint8_t k_traced = 1U << 0;     ///< ptraced by a task outside
inline constexpr std::uint8_t k_exit_srcu = 1U << 1;  ///< between exit_tasks_rcu_start() and _finish()
inline constexpr std::uint8_t k_holds_tasks_gp = 1U
                                                 << 2;  ///< a synchronize_rcu_tasks() waits for that section
inline constexpr std::uint8_t k_frozen = 1U << 3;       ///< its cgroup is frozen
inline constexpr std::uint8_t k_pf_postcoredump = 1U << 4;   ///< past the point where a dump waits for it
inline constexpr std::uint8_t k_parked = 1U << 5;            ///< on the list of the dumping thread
inline constexpr std::uint8_t k_jobctl_task_work = 1U << 6;  ///< JOBCTL_TASK_WORK

// task->task_works, one bit per kind of callback; a second one of a kind changes nothing that the model
// keeps.
inline constexpr std::uint8_t k_work_fput = 1U << 0;     ///< ____fput of the ring
inline constexpr std::uint8_t k_work_request = 1U << 1;  ///< a completed or cancelled request of this task
inline constexpr std::uint8_t k_work_create = 1U << 2;   ///< create_worker_cb
inline constexpr std::uint8_t k_work_exited = 1U << 7;   ///< work_exited: nothing can be added any more

/// A task, alive or dead.
struct Task {
  std::array<CallFrame, k_max_depth> stack;  ///< outermost first
  std::uint8_t depth;
  RunState run_state;
  std::uint8_t cpu;  ///< the CPU it is current on, or k_no_cpu
  std::uint8_t rq;   ///< whose run queue it is on: a CPU, k_any_cpu, or k_no_cpu: woken and not yet placed
  std::uint8_t allowed;  ///< CPUs it may run on, as a mask
  std::uint8_t tif;
  std::uint8_t flags;
  std::uint8_t flags2;
  ExitState exit_state;
  TaskNo parent;  ///< real_parent: a thread, k_outside, or k_no_task
  std::uint8_t works;
  std::uint8_t local;       ///< the position of a walk in the routine that runs; 0 when none
  std::uint8_t ret;         ///< what the last call returned
  std::uint8_t snap;        ///< rcu_exp_gp_seq_snap(): the grace period it waits for
  std::uint8_t worker_ref;  ///< io_worker->ref; 0 for a task that is not a worker, or is past its last put
  std::uint8_t item;        ///< worker: the work it executes (WorkItem)
  std::uint8_t creating;    ///< worker: 1 while its create_worker_cb is queued or running
};

/// The innermost frame; Routine::none when there is none.
inline CallFrame top(const Task& task) {
  return task.depth == 0 ? CallFrame{} : task.stack[task.depth - 1U];
}
inline bool is_in(const Task& task, Routine routine) {
  return top(task).routine == routine;
}
template <StepName Name>
bool is_at(const Task& task, Name name) {
  return top(task) == frame_of(name);
}

/// A thread group (signal_struct, sighand, files_struct).
struct Process {
  std::uint8_t group_exit : 1;        ///< SIGNAL_GROUP_EXIT
  std::uint8_t sigkill_shared : 1;    ///< SIGKILL in signal->shared_pending
  std::uint8_t sigchld_ignored : 1;   ///< SIGCHLD action is SIG_IGN
  std::uint8_t armed : 1;             ///< the ring holds an armed poll or timeout request
  std::uint8_t notified_outside : 1;  ///< the parent outside may reap the leader
  std::uint8_t dumping : 1;           ///< signal->core_state is set
  std::uint8_t sigterm_shared : 1;    ///< SIGTERM in signal->shared_pending
  std::uint8_t unused : 1;
  std::uint8_t quick_threads : 4;   ///< threads that have not entered do_exit (6.1)
  std::uint8_t files_users : 4;     ///< files_struct->count
  std::uint8_t dump_waits_for : 4;  ///< core_state->nr_threads
  std::uint8_t unused_too : 4;
};

/// A pid namespace.
struct PidNamespace {
  TaskNo child_reaper;
  std::uint8_t pid_allocated;  ///< pid numbers in use
  std::uint8_t adding;         ///< PIDNS_ADDING: forks into the namespace still work
};

/// A mount namespace, and the nsproxy through which the tasks of its container hold it.
struct MountNamespace {
  std::uint8_t nsproxy_refs;
  std::uint8_t refs;
  std::uint8_t gone;  ///< its mounts are dropped
};

/// An io_wq.
struct Wq {
  std::uint8_t exit : 1;          ///< IO_WQ_BIT_EXIT
  std::uint8_t stalled : 1;       ///< IO_ACCT_STALLED_BIT of the bounded account: its queue awaits a hash
  std::uint8_t waits : 1;         ///< wqe->wait is on hash->wait
  std::uint8_t held_outside : 1;  ///< another process that uses the ring holds the hash
  std::uint8_t links_left : 2;    ///< linked requests that have not been begun
  std::uint8_t link_at : 2;       ///< where the request is on which they hang (LinkAt)
  std::uint8_t worker_refs;
  std::array<std::uint8_t, 2> nr_workers;  ///< of the bounded and of the unbounded account
  std::array<std::uint8_t, 2> queued;  ///< bounded work (statx of a path), unbounded work (read of a pipe)
  std::uint8_t hashed;                 ///< bounded work of one hash (writes to one file), queued
  std::uint8_t chain : 4;              ///< the same, in the hands of the worker that holds the hash
  std::uint8_t links_failed : 1;       ///< that request failed; so will they
  std::uint8_t unused : 3;
};

/// rcu_state, as far as expedited grace periods go. Numbers count completed grace periods.
struct Rcu {
  std::uint8_t done;         ///< expedited grace periods completed
  std::uint8_t running;      ///< one is in progress
  std::uint8_t requested;    ///< exp_seq_rq of the root node
  TaskNo exp_mutex;          ///< who holds it, or k_no_task
  std::uint8_t work_queued;  ///< wait_rcu_exp_gp is queued for the kworker
  std::uint8_t mask;         ///< CPUs whose quiescent state is awaited
  std::uint8_t ipi;          ///< CPUs to which rcu_exp_handler is on its way
  std::uint8_t asked;        ///< CPUs that were asked and have not reported
};

/// The whole machine. Flat and without padding: equality and hashing look at the bytes.
///
/// Which entries belong to which container never changes and stands in Config: TaskInfo::container,
/// TaskInfo::process, TaskInfo::owns_wq, and Container::pid_ns; a container's mount namespace has its number.
/// The numbers of tasks are kept in Task::parent, Task::local (in io_wq_put_and_exit() only, one past a
/// worker's number between two workers), PidNamespace::child_reaper, Rcu::exp_mutex and `current`; nothing
/// else tells tasks, processes or containers apart by their numbers, but the order of threads in their group.
struct State {
  std::array<Task, k_max_tasks> tasks;
  std::array<Process, k_max_processes> processes;
  std::array<Wq, k_max_wqs> wqs;
  Rcu rcu;
  std::array<TaskNo, k_max_cpus> current;  ///< the task on each CPU, or k_no_task: idle
  std::uint8_t need_resched;               ///< TIF_NEED_RESCHED of the current task, as a mask of CPUs
  std::array<PidNamespace, k_max_containers> pid_ns;
  std::array<MountNamespace, k_max_containers> mnt_ns;
  std::uint8_t namespace_sem;       ///< 1 while held for writing
  std::uint8_t threadgroup_rwsem;   ///< 1 while held for writing (cgroup migration)
  std::uint8_t migrations;          ///< cgroup migrations that the environment may still start
  std::uint8_t fake_signals;        ///< times that a freezer may still try
  std::uint8_t operator_kills : 4;  ///< times that an operator may still send SIGKILL
  std::uint8_t operator_terms : 4;  ///< and SIGTERM
  std::uint8_t livepatches;         ///< times that a livepatch transition may still signal every task
  std::uint8_t outside_acted;       ///< the task outside has begun what it does
  std::uint8_t outside_free;        ///< it has finished that, and looks after its children again
  std::uint8_t fuse_dev_refs;       ///< open /dev/fuse descriptors of the connection
  std::uint8_t fuse_aborted;        ///< fuse_abort_conn() has run
};

static_assert(std::has_unique_object_representations_v<State>);

}  // namespace unzap::kernel
