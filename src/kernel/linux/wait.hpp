// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/exit.c, the waiting side. Facts: docs/kernel-facts/wait.md.

/// Steps of do_wait() below kernel_wait4(-1, __WALL): it sets the state before it scans, scans under
/// tasklist_lock, then sleeps or, with a signal pending, returns -ERESTARTSYS. It returns straight to the
/// caller of kernel_wait4().
enum class DoWait : std::uint8_t { set_current_state, do_wait_thread, schedule };
constexpr Routine routine_of(DoWait) {
  return Routine::do_wait;
}

}  // namespace unzap::kernel
