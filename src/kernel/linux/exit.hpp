// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/exit.c. Facts: docs/kernel-facts/exit.md and wait.md.

/// Steps of do_exit(), by the functions that it calls.
enum class DoExit : std::uint8_t {
  synchronize_group_exit,
  coredump_task_exit,
  io_uring_files_cancel,
  exit_signals,
  exit_mm,
  exit_files,
  exit_task_namespaces,
  exit_task_work,
  exit_notify,
  do_task_dead
};
constexpr Routine routine_of(DoExit) {
  return Routine::do_exit;
}

/// Steps of exit_notify().
enum class ExitNotify : std::uint8_t {
  find_child_reaper,
  forget_original_parent,
  become_zombie,
  release_task
};
constexpr Routine routine_of(ExitNotify) {
  return Routine::exit_notify;
}

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

}  // namespace unzap::kernel
