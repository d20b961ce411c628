// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// What a task outside the container does: kernel/rcu/tasks.h, kernel/cgroup/cgroup.c, kernel/fork.c.
// Facts: docs/kernel-facts/outside.md.

/// Before it begins, and after: asleep in wait4(2) or elsewhere in user space.
void step_outside_sleep(Step& x);
/// Waits until every task that was in its exit section when the call began has left it.
void step_synchronize_rcu_tasks(Step& x);
/// Waits until every dying task of the cgroup has made its last context switch.
void step_cgroup_rmdir(Step& x);
/// Two steps: alloc_pid(), and publishing the child under tasklist_lock. In between the namespace may be
/// closed.
void step_copy_process(Step& x);

/// True when the task outside may begin what it does.
bool outside_may_act(const Config& c, const State& s);
/// A task leaves its exit section: exit_tasks_rcu_finish(), or exit_tasks_rcu_stop() around a sleep.
void leave_exit_section(const Config& c, State& s, TaskNo task);
/// A dying task has left the CPU for the last time: rmdir may go on.
void dying_task_left(const Config& c, State& s);

}  // namespace unzap::kernel
