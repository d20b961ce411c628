// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// What a task outside the container does: kernel/rcu/tasks.h, kernel/cgroup/cgroup.c, kernel/fork.c.
// Facts: docs/kernel-facts/outside.md.

/// Steps of synchronize_rcu_tasks(): it waits until every task that was in its exit section when the call
/// began has left it.
enum class SynchronizeRcuTasks : std::uint8_t { synchronize_srcu, wait_for_exiting_tasks };
constexpr Routine routine_of(SynchronizeRcuTasks) {
  return Routine::synchronize_rcu_tasks;
}

/// Steps of copy_process(): alloc_pid(), and publishing the child under tasklist_lock. In between the
/// namespace may be closed.
enum class CopyProcess : std::uint8_t { alloc_pid, attach_pid };
constexpr Routine routine_of(CopyProcess) {
  return Routine::copy_process;
}

/// True when the task outside may begin what it does.
bool outside_may_act(const Config& c, const State& s);
/// A task leaves its exit section: exit_tasks_rcu_finish(), or exit_tasks_rcu_stop() around a sleep.
void leave_exit_section(const Config& c, State& s, TaskNo task);
/// A dying task has left the CPU for the last time: rmdir may go on.
void dying_task_left(const Config& c, State& s);

}  // namespace unzap::kernel
