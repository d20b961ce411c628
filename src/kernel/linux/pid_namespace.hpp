// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/pid_namespace.c and kernel/pid.c. Facts: docs/kernel-facts/pid_namespace.md.

/// zap_pid_ns_processes(): the kill walk, the loop around kernel_wait4(), the loop that waits for the pid
/// numbers.
void step_zap_pid_ns_processes(Step& x);

/// free_pid() in the container's namespace: one number fewer; at 2 or 1, once forks are off, wakes the child
/// reaper.
void free_pid(const Config& c, State& s, TaskNo task);

}  // namespace unzap::kernel
