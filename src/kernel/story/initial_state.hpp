// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

/// The moment before the first init starts to die: its leader runs on CPU 0 (or sleeps, to be killed), those
/// of all others that end by themselves wait for a CPU to do so at any time later, the rest sleeps.
State initial_state(const Config& config);

/// Counts a new member of a container where it belongs, and gives it its parent.
void count_member(const Config& config, State& s, TaskNo no);

}  // namespace unzap::kernel
