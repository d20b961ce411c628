// SPDX-License-Identifier: Apache-2.0
#include "snapshot/kernel_event.hpp"

namespace unzap {

std::string_view name(EventKind kind) {
  switch (kind) {
    case EventKind::soft_lockup: return "soft_lockup";
    case EventKind::hard_lockup: return "hard_lockup";
    case EventKind::rcu_stall: return "rcu_stall";
    case EventKind::rcu_expedited_stall: return "rcu_expedited_stall";
    case EventKind::rcu_tasks_stall: return "rcu_tasks_stall";
    case EventKind::rcu_kthread_starved: return "rcu_kthread_starved";
    case EventKind::hung_task: return "hung_task";
    case EventKind::workqueue_lockup: return "workqueue_lockup";
    case EventKind::oom_kill: return "oom_kill";
    case EventKind::netdevice_wait: return "netdevice_wait";
    case EventKind::freeze_failed: return "freeze_failed";
    case EventKind::oops: return "oops";
    case EventKind::warning: return "warning";
    case EventKind::task_state: return "task_state";
    case EventKind::other: return "other";
  }
  return "?";
}

}  // namespace unzap
