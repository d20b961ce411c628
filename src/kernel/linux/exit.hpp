// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/exit.c. Facts: docs/kernel-facts/exit.md and wait.md.

/// The step of Routine::do_exit between the look for a core dump and the cancellation of io_uring. The others
/// are numbered in their order; up to 2 the task has its mm, files and namespaces.
inline constexpr std::uint8_t k_exit_cancel = 6;

/// What do_wait() returns, as Task::ret.
inline constexpr std::uint8_t k_wait_reaped = 0;
inline constexpr std::uint8_t k_wait_echild = 1;
inline constexpr std::uint8_t k_wait_restartsys = 2;

/// find_alive_thread(): the first thread of the process, in creation order, without PF_EXITING; k_no_task if
/// none.
TaskNo find_alive_thread(const Config& c, const State& s, std::uint8_t process);
/// thread_group_empty(): no thread but the leader is left unreleased.
bool thread_group_empty(const Config& c, const State& s, std::uint8_t process);
/// delay_group_leader(): a zombie leader that cannot be reaped because threads of its group live.
bool delay_group_leader(const Config& c, const State& s, TaskNo leader);
/// do_notify_parent(): wakes the parent's do_wait(). True: the parent ignores SIGCHLD, the task reaps itself.
/// `woken`, when it is not nullptr, takes the task that was woken, or k_no_task.
bool do_notify_parent(const Config& c, State& s, TaskNo task, TaskNo* woken);
/// release_task(): the pid is free; a zombie leader whose last thread this was is notified, or goes too.
void release_task(Step& x, TaskNo task);

void step_do_exit(Step& x);
void step_exit_notify(Step& x);

}  // namespace unzap::kernel
