// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/pid_namespace.c and kernel/pid.c. Facts: docs/kernel-facts/pid_namespace.md.

/// Steps of zap_pid_ns_processes(): the kill walk, the loop around kernel_wait4(), the loop that waits for
/// the pid numbers.
enum class ZapPidNsProcesses : std::uint8_t {
  disable_pid_allocation,
  kill_processes,
  wait_for_children,
  wait_for_pids,
  exit_tasks_rcu_start
};
constexpr Routine routine_of(ZapPidNsProcesses) {
  return Routine::zap_pid_ns_processes;
}

/// free_pid() in the container's namespace: one number fewer; at 2 or 1, once forks are off, wakes the child
/// reaper.
void free_pid(const Config& c, State& s, TaskNo task);

}  // namespace unzap::kernel
