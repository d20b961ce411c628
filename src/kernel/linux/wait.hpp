// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/exit.c, the waiting side. Facts: docs/kernel-facts/wait.md.

/// do_wait() below kernel_wait4(-1, __WALL): sets the state before it scans, scans under tasklist_lock, then
/// sleeps or, with a signal pending, returns -ERESTARTSYS. Returns straight to the caller of kernel_wait4().
void step_do_wait(Step& x);

}  // namespace unzap::kernel
