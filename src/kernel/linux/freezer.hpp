// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/freezer.c, kernel/signal.c (do_freezer_trap). Facts: docs/kernel-facts/freezer.md.

/// The cgroup is thawed: everybody in it may go on.
void thaw(const Config& c, State& s);

}  // namespace unzap::kernel
