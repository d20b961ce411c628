// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/freezer.c, kernel/signal.c (do_freezer_trap). Facts: docs/kernel-facts/freezer.md.

/// __refrigerator(), the v1 and suspend freezer: sleeps until thawed, whatever signal arrives.
void step_refrigerator(Step& x);
/// do_freezer_trap(), the v2 freezer: sleeps until thawed or killed; a notify signal keeps it from sleeping.
void step_do_freezer_trap(Step& x);
/// The cgroup is thawed: everybody in it may go on.
void thaw(const Config& c, State& s);

}  // namespace unzap::kernel
