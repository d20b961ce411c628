// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/invariants.hpp"

#include <algorithm>
#include <array>

#include "kernel/linux/exit.hpp"
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/mount_namespace.hpp"
#include "kernel/linux/rcu.hpp"
#include "kernel/story/outside.hpp"

namespace unzap::kernel {
namespace {

// Where a task stands.

/// Its frame in `routine`, which runs or has called what runs; nullptr: it is not in there.
const CallFrame* frame_in(const Task& task, Routine routine) {
  for (std::size_t i = 0; i < task.depth; ++i)
    if (task.stack[i].routine == routine) return &task.stack[i];
  return nullptr;
}
bool is_within(const Task& task, Routine routine) {
  return frame_in(task, routine) != nullptr;
}
template <StepName Name>
bool is_within(const Task& task, Name name) {
  const CallFrame* const frame = frame_in(task, routine_of(name));
  return frame && *frame == frame_of(name);
}
/// It is in the routine of `first`, and has come further than that.
template <StepName Name>
bool is_past(const Task& task, Name first) {
  return is_within(task, routine_of(first)) && !is_within(task, first);
}
bool lives(const Task& task) {
  return task.run_state != RunState::dead;
}
bool has(const Task& task, std::uint8_t flag) {
  return (task.flags & flag) != 0;
}
bool is_queued(const Task& task) {
  return has(task, k_on_rq);
}
bool past_group_exit(const Task& task) {
  return !lives(task) || is_past(task, DoExit::synchronize_group_exit);
}
/// Past exit_mm(), exit_files() and the drop of the nsproxy.
bool past_resources(const Config& c, const Task& task) {
  const CallFrame* const frame = frame_in(task, Routine::do_exit);
  return !lives(task) || (frame && c.programs.facts_of(*frame).past_exit_mm);
}
/// exp_funnel_lock() has taken the mutex if it answers 0.
bool holds_exp_mutex(const Task& task) {
  return is_at(task, SynchronizeRcuExpedited::wait_event) ||
         (is_at(task, SynchronizeRcuExpedited::queue_work) && task.ret == 0);
}
/// The number is allocated, the task not yet published.
bool is_forking(const Config& c, const State& s) {
  return c.forked != k_no_task && is_within(s.tasks[c.outside], CopyProcess::attach_pid);
}
/// io_worker_exit() has put the worker's own reference to itself.
bool has_put_itself(const Task& worker) {
  return !lives(worker) || is_within(worker, Routine::do_exit) ||
         is_past(worker, IoWorkerExit::io_worker_release);
}
/// io_worker_exit() has put the worker's reference to its queue, and leads to do_exit() in the same step.
bool has_put_queue(const Task& worker) {
  return !lives(worker) || is_within(worker, Routine::do_exit);
}
/// The owner waits in io_wq_exit_workers(), or is through: its own reference is gone.
bool owner_has_put(const Wq& wq, const Task& owner) {
  if (!is_within(owner, Routine::io_wq_put_and_exit)) return wq.exit != 0;
  return is_within(owner, IoWqPutAndExit::wait_for_completion) ||
         is_within(owner, IoWqPutAndExit::io_wq_destroy) ||
         is_within(owner, IoWqPutAndExit::set_notify_signal);
}
/// io_wq_for_each_worker() has taken a reference to the worker.
bool owner_is_at(const Task& owner, TaskNo worker) {
  return owner.local == worker && (is_within(owner, IoWqPutAndExit::wake_up_process) ||
                                   is_within(owner, IoWqPutAndExit::io_worker_release));
}

template <class Holds>
bool for_all_tasks(const Config& c, const State& s, const Holds& holds) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (!holds(c.tasks[no], s.tasks[no], no)) return false;
  return true;
}
template <class Holds>
unsigned count_tasks(const Config& c, const State& s, const Holds& holds) {
  unsigned count = 0;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) count += holds(c.tasks[no], s.tasks[no], no) ? 1U : 0U;
  return count;
}
/// Whether `counted(process)` is the number of its member threads for which `holds`.
template <class Counted, class Holds>
bool counts_threads(const Config& c, const State& s, const Counted& counted, const Holds& holds) {
  std::array<unsigned, k_max_processes> threads{};
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].ns_tid != 0 && holds(s.tasks[no])) ++threads[c.tasks[no].process];
  for (std::size_t process = 0; process < threads.size(); ++process)
    if (counted(s.processes[process]) != threads[process]) return false;
  return true;
}

// The scheduler.

bool one_task_per_cpu(const Config& c, const State& s) {
  for (std::uint8_t cpu = 0; cpu < k_max_cpus; ++cpu) {
    const TaskNo no = s.current[cpu];
    if (no != k_no_task && (no >= c.tasks.size() || s.tasks[no].cpu != cpu)) return false;
  }
  return for_all_tasks(c, s, [&](const TaskInfo&, const Task& task, TaskNo no) {
    return task.cpu == k_no_cpu || (task.cpu < k_max_cpus && s.current[task.cpu] == no);
  });
}

bool runnable_is_queued(const Config& c, const State& s) {
  return for_all_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) {
    if (!lives(task)) return !is_queued(task);
    return is_queued(task) || (task.run_state != RunState::running && task.cpu == k_no_cpu);
  });
}

// kernel/exit.c

bool dead_has_no_stack(const Config& c, const State& s) {
  return for_all_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) {
    return lives(task) ? task.depth > 0 : task.depth == 0 || !has(task, k_pf_exiting);
  });
}

bool exiting_past_exit_signals(const Config& c, const State& s) {
  return for_all_tasks(c, s, [&](const TaskInfo&, const Task& task, TaskNo) {
    const bool never_was = !lives(task) && task.exit_state == ExitState::released;
    return has(task, k_pf_exiting) || never_was ||
           (task.exit_state == ExitState::none && !past_resources(c, task));
  });
}

bool zombie_does_not_sleep(const Config& c, const State& s) {
  return for_all_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) {
    return task.exit_state == ExitState::none || task.run_state == RunState::running || !lives(task);
  });
}

bool parent_lives(const Config& c, const State& s) {
  return for_all_tasks(c, s, [&](const TaskInfo&, const Task& task, TaskNo) {
    return task.exit_state == ExitState::released || task.parent >= c.tasks.size() ||
           s.tasks[task.parent].exit_state == ExitState::none;
  });
}

bool quick_threads(const Config& c, const State& s) {
  return counts_threads(
      c, s, [](const Process& process) { return process.quick_threads; },
      [](const Task& task) { return !past_group_exit(task); });
}

bool files_users(const Config& c, const State& s) {
  return counts_threads(
      c, s, [](const Process& process) { return process.files_users; },
      [&](const Task& task) { return !past_resources(c, task); });
}

// kernel/pid_namespace.c, kernel/pid.c

bool reaper_outlives_members(const Config& c, const State& s) {
  return std::all_of(c.containers.begin(), c.containers.end(), [&](const Container& container) {
    const TaskNo reaper = s.pid_ns[container.pid_ns].child_reaper;
    if (s.tasks[reaper].exit_state == ExitState::none) return true;
    return for_all_tasks(c, s, [&](const TaskInfo& info, const Task& task, TaskNo no) {
      const bool own_leader = info.leader && info.process == c.tasks[reaper].process;
      return no == reaper || own_leader || task.exit_state == ExitState::released ||
             !c.has_number(info, container.pid_ns);
    });
  });
}

bool pid_allocated(const Config& c, const State& s) {
  const bool forking = is_forking(c, s);
  return std::all_of(c.containers.begin(), c.containers.end(), [&](const Container& container) {
    const unsigned members = count_tasks(c, s, [&](const TaskInfo& info, const Task& task, TaskNo no) {
      const bool has_pid = task.exit_state != ExitState::released || (forking && no == c.forked);
      return has_pid && c.has_number(info, container.pid_ns);
    });
    return s.pid_ns[container.pid_ns].pid_allocated == members;
  });
}

// kernel/nsproxy.c, fs/namespace.c

bool nsproxy_refs(const Config& c, const State& s) {
  std::array<unsigned, k_max_containers> holders{};
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].in_namespaces && !past_resources(c, s.tasks[no])) ++holders[c.tasks[no].container];
  for (std::size_t no = 0; no < c.containers.size(); ++no)
    if (s.mnt_ns[no].nsproxy_refs != holders[no]) return false;
  return true;
}

bool mnt_ns_refs(const Config& c, const State& s) {
  for (std::size_t no = 0; no < c.containers.size(); ++no) {
    const MountNamespace& ns = s.mnt_ns[no];
    unsigned holders = c.containers[no].outside_holders + (ns.nsproxy_refs > 0 ? 1U : 0U);
    // The last user of the nsproxy, before it puts what the nsproxy held.
    holders += count_tasks(c, s, [&](const TaskInfo& info, const Task& task, TaskNo) {
      return info.container == no && is_in(task, Routine::exit_task_namespaces);
    });
    if (ns.refs != holders || (ns.gone != 0 && ns.refs != 0)) return false;
  }
  return true;
}

bool namespace_sem(const Config& c, const State& s) {
  return s.namespace_sem == count_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) {
           return is_at(task, NamespaceUnlock::up_namespace_sem);
         });
}

// fs/coredump.c

bool dump_waits_for(const Config& c, const State& s) {
  // A worker that loses PF_IO_WORKER after it was counted takes no part when it ends: such kernels wait for
  // it even after it is gone.
  const bool exact = !c.has(Switch::dump_leaves_out_user_workers) || c.has(Switch::worker_flag_kept);
  for (std::uint8_t process = 0; process < k_max_processes; ++process) {
    unsigned others = 0, coming = 0, parked = 0;
    for (TaskNo no = 0; no < c.tasks.size(); ++no) {
      const Task& task = s.tasks[no];
      if (c.tasks[no].process != process || is_within(task, Routine::do_coredump)) continue;
      ++others;
      if (!lives(task)) continue;
      coming += (task.flags2 & k_pf_postcoredump) == 0;
      parked += (task.flags2 & k_parked) != 0;
    }
    const Process& p = s.processes[process];
    if (p.dumping == 0 && (p.dump_waits_for != 0 || parked != 0)) return false;
    if (p.dumping != 0 && (exact ? p.dump_waits_for != coming : p.dump_waits_for > others)) return false;
  }
  return true;
}

// kernel/rcu/tree_exp.h

bool exp_mutex(const Config& c, const State& s) {
  const bool held = s.rcu.exp_mutex != k_no_task;
  if (held && (s.rcu.exp_mutex >= c.tasks.size() || !holds_exp_mutex(s.tasks[s.rcu.exp_mutex]))) return false;
  return (held ? 1U : 0U) ==
         count_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) { return holds_exp_mutex(task); });
}

bool one_grace_period(const Config&, const State& s) {
  const Rcu& rcu = s.rcu;
  if (rcu.running != 0 && rcu.exp_mutex == k_no_task) return false;
  if (rcu.running == 0 && (rcu.mask | rcu.ipi | rcu.work_queued) != 0) return false;
  return (rcu.asked & ~rcu.mask) == 0;
}

bool reader_does_not_sleep(const Config& c, const State& s) {
  return for_all_tasks(c, s, [](const TaskInfo&, const Task& task, TaskNo) {
    return has(task, k_rcu_reader) ? is_queued(task) : !has(task, k_rcu_blocks_gp);
  });
}

// io_uring/io-wq.c

bool worker_refs(const Config& c, const State& s) {
  for (std::uint8_t wq = 0; wq < c.wqs.size(); ++wq) {
    unsigned holders = owner_has_put(s.wqs[wq], s.tasks[c.wqs[wq].owner]) ? 0 : 1;
    for (TaskNo no = 0; no < c.tasks.size(); ++no) {
      if (c.tasks[no].worker_of != wq) continue;
      const Task& worker = s.tasks[no];
      holders += !has_put_queue(worker);
      holders += worker.creating != 0;  // the worker that it asked for
      holders += is_past(worker, IoQueueWorkerCreate::take_references);
    }
    if (s.wqs[wq].worker_refs != holders) return false;
  }
  return true;
}

bool worker_ref(const Config& c, const State& s) {
  return for_all_tasks(c, s, [&](const TaskInfo& info, const Task& worker, TaskNo no) {
    if (info.worker_of == 0xff) return worker.worker_ref == 0;
    unsigned holders = has_put_itself(worker) ? 0 : 1;
    holders += worker.creating != 0;  // the callback that is queued with the owner
    holders += owner_is_at(s.tasks[c.wqs[info.worker_of].owner], no);
    return worker.worker_ref == holders;
  });
}

bool hash_has_one_holder(const Config& c, const State& s) {
  for (std::uint8_t wq = 0; wq < c.wqs.size(); ++wq) {
    const unsigned holders = count_tasks(c, s, [&](const TaskInfo& info, const Task& task, TaskNo) {
      return info.worker_of == wq && (task.local & k_holds_hash) != 0;
    });
    if (holders != (s.wqs[wq].chain > 0 ? 1U : 0U)) return false;
  }
  return true;
}

constexpr std::array<Invariant, 20> k_invariants = {{
    {"one_task_per_cpu", "a CPU runs one task, and a task runs on one CPU", one_task_per_cpu, "sched.md"},
    {"runnable_is_queued",
     "a task that runs or could run is on a run queue, a dead one is not, and what a CPU runs is queued",
     runnable_is_queued, "sched.md"},
    {"dead_has_no_stack", "a dead task is in no function, and every other task is in one", dead_has_no_stack,
     "exit.md"},
    {"exiting_past_exit_signals", "a task past exit_signals() has PF_EXITING, a zombie above all",
     exiting_past_exit_signals, "exit.md"},
    {"zombie_does_not_sleep", "a task with an exit_state goes on to do_task_dead() without sleeping",
     zombie_does_not_sleep, "exit.md"},
    {"parent_lives", "the real parent of a task that is not released has no exit_state", parent_lives,
     "exit.md"},
    {"reaper_outlives_members",
     "a child reaper with an exit_state is the last of its pid namespace, its own leader aside",
     reaper_outlives_members, "pid_namespace.md"},
    {"pid_allocated", "pid_allocated is the number of members that are not released, and of forks under way",
     pid_allocated, "pid_namespace.md"},
    {"quick_threads", "quick_threads is the number of threads that have not entered do_exit()", quick_threads,
     "exit.md"},
    {"files_users", "the count of a files_struct is the number of threads before exit_files()", files_users,
     "exit.md"},
    {"nsproxy_refs", "the count of an nsproxy is the number of threads before exit_task_namespaces()",
     nsproxy_refs, "mount_namespace.md"},
    {"mnt_ns_refs",
     "a mount namespace is held by the nsproxy and by those outside, and is gone when no longer", mnt_ns_refs,
     "mount_namespace.md"},
    {"namespace_sem", "namespace_sem is held by the one task that takes mounts down", namespace_sem,
     "mount_namespace.md"},
    {"dump_waits_for", "a dump waits for the threads that have not stopped for it", dump_waits_for,
     "coredump.md"},
    {"exp_mutex", "exp_mutex has the one holder that it names", exp_mutex, "rcu.md"},
    {"one_grace_period",
     "an expedited grace period runs under exp_mutex, and a CPU that was asked is one that it waits for",
     one_grace_period, "rcu.md"},
    {"reader_does_not_sleep",
     "a task in a read-side section does not sleep, and only such a one blocks a grace period",
     reader_does_not_sleep, "rcu.md"},
    {"worker_refs", "worker_refs counts the owner, every worker and every worker in the making", worker_refs,
     "io_wq.md"},
    {"worker_ref", "the count of a worker is its own reference, its callback's and the owner's", worker_ref,
     "io_wq.md"},
    {"hash_has_one_holder", "work of one hash is in the hands of at most one worker", hash_has_one_holder,
     "io_wq.md"},
}};

}  // namespace

std::span<const Invariant> invariants() {
  return k_invariants;
}

const Invariant* broken_in(const Config& c, const State& s) {
  for (const Invariant& one : k_invariants)
    if (!one.holds(c, s)) return &one;
  return nullptr;
}

const Invariant* find_invariant(std::string_view name) {
  for (const Invariant& one : k_invariants)
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace unzap::kernel
