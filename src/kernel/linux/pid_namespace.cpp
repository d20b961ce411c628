// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/pid_namespace.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/story/outside.hpp"

namespace unzap::kernel {
namespace {

/// No more forks, no more SIGCHLD: children that end from now on reap themselves.
void disable_pid_allocation(Step& x) {
  x.pid_ns().adding = 0;
  x.process().sigchld_ignored = 1;
  x.say("disable_pid_allocation(); SIGCHLD is ignored from now on");
}

/// SIGKILL to every process of the namespace but pid 1, under rcu_read_lock and tasklist_lock.
void kill_processes(Step& x) {
  bool killed = false;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    const Task& task = x.s.tasks[no];
    const TaskInfo& info = x.c.tasks[no];
    if (!x.c.has_number(info, x.my().pid_ns) || (info.pid_ns == x.my().pid_ns && info.ns_tid < 2)) continue;
    if (task.exit_state == ExitState::released) continue;
    if ((task.flags & k_sigkill_private) != 0) continue;
    if (!send_sigkill(x.c, x.s, no)) continue;
    x.say("SIGKILL to {}", x.comm(no));
    killed = true;
  }
  if (!killed) x.say("walks the namespace: nobody to kill");
  if (x.c.has(Switch::fix_2026)) {
    x.me().flags |= k_pf_no_notify_signal;
    x.say("PF_NO_NOTIFY_SIGNAL: TIF_NOTIFY_SIGNAL does not count any more");
  }
  x.me().ret = k_wait_reaped;
}

/// do { clear_thread_flag(TIF_SIGPENDING); rc = kernel_wait4(); } while (rc != -ECHILD);
void wait_for_children(Step& x) {
  Task& me = x.me();
  if (me.ret == k_wait_echild) {
    me.ret = 0;
    return x.say("-ECHILD: all children are gone");
  }
  me.ret = 0;
  me.tif &= static_cast<std::uint8_t>(~k_tif_sigpending);
  x.say("clears TIF_SIGPENDING");
  if (x.c.has(Switch::fix_2024)) {
    me.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
    x.say("clears TIF_NOTIFY_SIGNAL");
  }
  x.call_then_again(Routine::kernel_wait4);
  x.tail_call(Routine::do_wait);
}

/// Waits until only the numbers of init itself are left. Sets the state before it looks, so it misses no
/// wake-up.
void wait_for_pids(Step& x) {
  const std::uint8_t init_pids = x.my().leader || !x.c.has(Switch::second_loop_counts_leader) ? 1 : 2;
  Task& me = x.me();
  const int pids = x.pid_ns().pid_allocated;
  if (pids == init_pids) {
    me.flags &= static_cast<std::uint8_t>(~k_pf_no_notify_signal);
    me.run_state = RunState::running;
    x.say("{} pid number{} left: done", init_pids, init_pids == 1 ? "" : "s");
    return x.ret();
  }
  x.say("{} pid numbers are in use, waits for {}", pids, init_pids);
  const bool leaves_section = x.c.has(Switch::second_loop_leaves_tasks_rcu);
  if (leaves_section) leave_exit_section(x.c, x.s, x.self);
  me.run_state = x.c.has(Switch::second_loop_idle) ? RunState::idle : RunState::interruptible;
  if (signal_pending(me) && me.run_state == RunState::interruptible)
    x.say("a signal is pending: does not sleep");
  if (leaves_section) x.goes_to(ZapPidNsProcesses::exit_tasks_rcu_start);
  schedule(x);
}

/// It is in the section again before it looks again.
void exit_tasks_rcu_start(Step& x) {
  x.me().flags2 |= k_exit_srcu;
  x.goes_to(ZapPidNsProcesses::wait_for_pids);
  x.at_once();
}

constexpr Program k_programs[] = {
    {.routine = Routine::zap_pid_ns_processes,
     .function = "zap_pid_ns_processes",
     .file = "kernel/pid_namespace.c",
     .frames = {"zap_pid_ns_processes", "find_child_reaper", "forget_original_parent"},
     .steps =
         {
             {ZapPidNsProcesses::disable_pid_allocation, disable_pid_allocation, {.own_container = true}},
             {ZapPidNsProcesses::kill_processes, kill_processes, {.own_container = true}},
             {ZapPidNsProcesses::wait_for_children, wait_for_children},
             {ZapPidNsProcesses::wait_for_pids, wait_for_pids},
             {ZapPidNsProcesses::exit_tasks_rcu_start, exit_tasks_rcu_start},
         },
     .woken_by_members = true},
};

}  // namespace

std::span<const Program> pid_namespace_programs() {
  return k_programs;
}

void free_pid(const Config& c, State& s, TaskNo no) {
  if (c.tasks[no].ns_tid == 0) return;
  // From the innermost level outwards.
  for (std::uint8_t level = c.tasks[no].container; level != 0xff; level = c.containers[level].inside) {
    PidNamespace& ns = s.pid_ns[c.containers[level].pid_ns];
    --ns.pid_allocated;
    if (ns.adding == 0 && (ns.pid_allocated == 2 || ns.pid_allocated == 1))
      wake_up(s, ns.child_reaper, k_wake_any);
  }
}

}  // namespace unzap::kernel
