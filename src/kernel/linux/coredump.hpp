// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// fs/coredump.c, and where exiting threads meet the dump. Facts: docs/kernel-facts/coredump.md.

/// Steps of do_coredump(): it stops the other threads of the group, waits until each has said that it is
/// stopped, writes, and lets them go.
enum class DoCoredump : std::uint8_t { zap_threads, coredump_wait, coredump_finish };
constexpr Routine routine_of(DoCoredump) {
  return Routine::do_coredump;
}

/// coredump_task_exit(), in 5.15 the middle of exit_mm(): the thread is past the point where a dump waits for
/// it. If one is under way it tells the dumping thread, and is parked until the dump is over.
void meet_dump(Step& x);

}  // namespace unzap::kernel
