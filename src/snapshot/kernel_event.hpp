// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/reading.hpp"
#include "snapshot/stack.hpp"
#include "util/names.hpp"

namespace unzap {

/// What the kernel log reports, as far as it bears on stuck tasks.
enum class EventKind : std::uint8_t {
  soft_lockup,          ///< watchdog: BUG: soft lockup - CPU#N stuck for Ns! [comm:pid]
  hard_lockup,          ///< Watchdog detected hard LOCKUP on cpu N
  rcu_stall,            ///< rcu_sched/rcu_preempt self-detected stall, or detected stalls on CPUs/tasks
  rcu_expedited_stall,  ///< rcu_* detected expedited stalls
  rcu_tasks_stall,      ///< rcu_tasks_wait_gp stall
  rcu_kthread_starved,  ///< rcu_* kthread starved for N jiffies
  hung_task,            ///< INFO: task comm:pid blocked for more than N seconds
  workqueue_lockup,     ///< BUG: workqueue lockup
  oom_kill,             ///< Out of memory / Memory cgroup out of memory: Killed process
  netdevice_wait,       ///< unregister_netdevice: waiting for lo to become free
  freeze_failed,        ///< Freezing of tasks failed / user space tasks refusing to freeze
  oops,                 ///< Oops, BUG:, general protection fault, KASAN, UBSAN
  warning,              ///< WARNING: CPU: N PID: ... at
  task_state,           ///< sysrq "task:comm state:D ..." listing
  read_hangs,  ///< of a traced look: a read of /proc/<tid>/cmdline, environ or maps that does not return
  other,
};

/// "soft_lockup", "hung_task", ...
constexpr auto names_of(EventKind) {
  return name_table<EventKind>({{EventKind::soft_lockup, "soft_lockup"},
                                {EventKind::hard_lockup, "hard_lockup"},
                                {EventKind::rcu_stall, "rcu_stall"},
                                {EventKind::rcu_expedited_stall, "rcu_expedited_stall"},
                                {EventKind::rcu_tasks_stall, "rcu_tasks_stall"},
                                {EventKind::rcu_kthread_starved, "rcu_kthread_starved"},
                                {EventKind::hung_task, "hung_task"},
                                {EventKind::workqueue_lockup, "workqueue_lockup"},
                                {EventKind::oom_kill, "oom_kill"},
                                {EventKind::netdevice_wait, "netdevice_wait"},
                                {EventKind::freeze_failed, "freeze_failed"},
                                {EventKind::oops, "oops"},
                                {EventKind::warning, "warning"},
                                {EventKind::task_state, "task_state"},
                                {EventKind::read_hangs, "read_hangs"},
                                {EventKind::other, "other"}});
}

/// Lockups and stalls find a task that runs, or the CPU that it keeps; the others one that waits, or none.
inline bool shows_running(EventKind kind) {
  return kind == EventKind::soft_lockup || kind == EventKind::hard_lockup || kind == EventKind::rcu_stall ||
         kind == EventKind::rcu_expedited_stall;
}

/// One report of the kernel log: its head line and what belongs to it.
struct KernelEvent {
  EventKind kind = EventKind::other;
  Reading<double> at_seconds;        ///< printk time stamp, seconds after boot
  Reading<double> duration_seconds;  ///< "stuck for 212s", "blocked for more than 120 seconds"
  std::vector<std::int32_t> cpus;    ///< the CPUs it names as stuck or stalled
  Reading<std::int32_t> tid;         ///< the task it names
  Reading<std::string> comm;
  Reading<Stack> stack;  ///< the backtrace below it
  std::string text;      ///< the head line without its prefix
  std::string where;     ///< for evidence: "capture.txt:4" or "/dev/kmsg"

  bool operator==(const KernelEvent&) const = default;
};

}  // namespace unzap
