// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// fs/coredump.c, and where exiting threads meet the dump. Facts: docs/kernel-facts/coredump.md.

/// do_coredump(): stops the other threads of the group, waits until each has said that it is stopped, writes,
/// and lets them go.
void step_do_coredump(Step& x);
/// coredump_task_exit(), in 5.15 the middle of exit_mm(): the thread is past the point where a dump waits for
/// it. If one is under way it tells the dumping thread, and is parked; it goes on at `return_to`. True:
/// parked.
bool meet_dump(Step& x, std::uint8_t return_to);
/// Parked until the dump is over.
void step_coredump_task_exit(Step& x);

}  // namespace unzap::kernel
