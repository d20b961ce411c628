// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/task_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "linux/io_thread.hpp"
#include "snapshot/container.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// Unmoved from the first look to the last: the same state letter and not one context switch.
bool unmoved(const Task& task, double at_least_seconds) {
  const auto found = rate(task);
  return found && found->seconds >= at_least_seconds && found->switches.is(0) &&
         task.samples.front().state == task.samples.back().state;
}

/// The task printed this stack itself, on its CPU: OOM kill, allocation failure, sanitizer report.
bool dumped_itself(const Stack& stack) {
  return !stack
              .first_of({"dump_stack", "dump_stack_lvl", "__dump_stack", "dump_header", "warn_alloc",
                         "show_stack", "oom_kill_process", "nmi_cpu_backtrace"})
              .empty();
}

}  // namespace

bool wait_sleeps(const Host& host) {
  return host.wait_fix && host.wait_fix->sleeps();
}

std::string said_by_code(const WaitFix& fix) {
  const std::string from =
      fix.source.empty() ? "" : fmt::format(" (code from {})", printable(fix.source, 80));
  switch (fix.kind) {
    case WaitFix::Kind::none:
      return "the kernel's code lacks the fix (7fea700e04bd): nothing keeps a pending notify signal from "
             "ending each wait of a dying init" +
             from;
    case WaitFix::Kind::fix_2024:
      return "the kernel's code has the fix (7fea700e04bd): it clears TIF_NOTIFY_SIGNAL before each wait of "
             "a "
             "dying init" +
             from;
    case WaitFix::Kind::fix_2026:
      return "the kernel's code has the fix (5c0985dd3c32): a dying init waits with PF_NO_NOTIFY_SIGNAL set" +
             from;
    case WaitFix::Kind::no_notify_signal:
      return "this kernel has no TIF_NOTIFY_SIGNAL: no notify signal can end the wait of a dying init" + from;
  }
  return {};
}

bool taken_while_running(const Stack& stack) {
  if (dumped_itself(stack)) return true;
  switch (stack.origin) {
    case StackOrigin::soft_lockup:
    case StackOrigin::rcu_stall:
    case StackOrigin::oops:
    case StackOrigin::perf: return true;
    default: return false;
  }
}

Hold hold(const Task& task, Origin origin) {
  if (task.blocked_seconds) return Hold::lasting;
  const char state = task.state.value_or('?');
  if (zombie(task) || state == 'I' || state == 'R') return Hold::none;
  const bool chosen = origin == Origin::text;
  // A pasted stack without a state letter: /proc/<pid>/stack shows frames only for a task that is off the
  // CPU.
  const bool shown_asleep =
      task.stack && !task.stack->frames.empty() && state == '?' && !taken_while_running(*task.stack);
  if (state != 'D' && !(chosen && (shown_asleep || state == 'S' || state == 't' || state == 'T')))
    return Hold::none;
  if (chosen) return Hold::pasted;
  return unmoved(task, k_lasting_seconds) ? Hold::lasting : Hold::instant;
}

std::optional<bool> exiting(const Task& task) {
  if (task.flags) return (*task.flags & k_pf_exiting) != 0;
  if (zombie(task)) return true;
  if (task.stack && task.stack->has("do_exit")) return true;
  if (task.has_mm.is(false) && !kernel_thread(task)) return true;
  return std::nullopt;
}

bool kill_pending(const Task& task) {
  const std::uint64_t kill = signal_bit(9);
  return ((task.pending_private.value_or(0) | task.pending_shared.value_or(0)) & kill) != 0;
}

bool kernel_thread(const Task& task) {
  if (io_uring_thread(task)) return false;
  if (task.flags) return (*task.flags & k_pf_kthread) != 0;
  if (task.ppid.is(2) || task.tid.is(2)) return true;
  if (task.comm)
    for (const std::string_view prefix :
         {"kworker/", "ksoftirqd/", "migration/", "jbd2/", "kthreadd", "cpuhp/", "rcu_"})
      if (starts_with(*task.comm, prefix)) return true;
  return task.stack && task.stack->has("kthread");
}

bool zombie(const Task& task) {
  return task.state.is('Z') || task.state.is('X');
}

bool io_uring_thread(const Task& task) {
  return task.comm && parse_io_thread_name(*task.comm);
}

bool alive(const Task& task) {
  return task.state && !zombie(task);
}

ZapPlace zap_place(const Stack& stack) {
  if (!stack.has("zap_pid_ns_processes")) return ZapPlace::none;
  if (stack.origin == StackOrigin::oops || dumped_itself(stack)) return ZapPlace::elsewhere;
  for (const std::string_view waiter :
       {"do_wait", "__do_wait", "kernel_wait4", "kernel_wait", "sys_wait4", "SyS_wait4", "SYSC_wait4",
        "__x64_sys_wait4", "ksys_wait4", "wait_consider_task"})
    if (stack.has_in_order({waiter, "zap_pid_ns_processes"})) return ZapPlace::first_loop;
  return stack.top() == "zap_pid_ns_processes" ? ZapPlace::second_loop : ZapPlace::elsewhere;
}

bool mount_teardown(const Stack& stack) {
  return !stack
              .first_of({"namespace_unlock", "put_mnt_ns", "free_nsproxy", "exit_task_namespaces",
                         "kern_unmount", "kern_unmount_array", "drop_collected_mounts"})
              .empty();
}

bool in_stop_machine(const Stack& stack) {
  return !stack.first_of({"multi_cpu_stop", "stop_machine_yield"}).empty();
}

bool rcu_expedited_wait(const Stack& stack) {
  return !stack
              .first_of({"synchronize_rcu_expedited", "exp_funnel_lock", "rcu_exp_wait_wake",
                         "synchronize_sched_expedited", "_synchronize_rcu_expedited",
                         "synchronize_rcu_expedited_wait", "rcu_exp_sel_wait_wake",
                         "sync_rcu_exp_select_cpus"})
              .empty();
}

bool rcu_wait(const Stack& stack) {
  return rcu_expedited_wait(stack) ||
         !stack
              .first_of({"synchronize_rcu", "synchronize_sched", "__wait_rcu_gp", "wait_rcu_gp",
                         "rcu_barrier", "_rcu_barrier", "synchronize_net", "cond_synchronize_rcu",
                         "synchronize_rcu_normal"})
              .empty();
}

std::vector<std::string> innermost(const Stack& stack, std::size_t frames) {
  std::vector<std::string> out;
  for (const Frame& frame : stack.frames) {
    if (frame.guess || frame.interrupt) continue;
    out.push_back(out.size() == frames ? "..." : printable(frame.function, 64));
    if (out.size() > frames) break;
  }
  return out;
}

std::string stack_line(const Stack& stack, std::size_t frames) {
  return fmt::format("{}", fmt::join(innermost(stack, frames), " <- "));
}

bool spins(const Task& task) {
  const auto found = rate(task);
  return found && found->system_percent >= k_spin_percent && found->user_percent <= 0 &&
         found->switches.is(0);
}

std::int32_t process_of(const Task& task) {
  return task.tgid ? *task.tgid : task.tid.value_or(0);
}

Party party(const Task& task, Role role) {
  Party out;
  if (task.tgid) out.pid = *task.tgid;
  if (task.start_ticks) out.start_ticks = *task.start_ticks;
  if (task.tid) out.tid = *task.tid;
  // A text that names one number of a single-threaded task, or a process as a whole, names both.
  if (!out.pid && out.tid && !io_uring_thread(task)) out.pid = out.tid;
  out.comm = task.comm ? printable(*task.comm, 64) : "";
  out.role = std::move(role);
  if (task.container) out.container = printable(*task.container, 64);
  if (task.cgroup) out.pod = pod_uid(*task.cgroup);
  return out;
}

std::string place_of(const Task& task) {
  if (!task.where.empty()) return task.where;
  return task.tid ? "/proc/" + std::to_string(*task.tid) : "?";
}

}  // namespace unzap
