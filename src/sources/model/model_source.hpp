// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/machine.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// What a host would not show of a state of the kernel model. Never shown: TIF flags, the stack of a task
/// that is on a CPU, the stack of a zombie, the environment.
struct ModelGaps {
  bool stacks = true;          ///< false: /proc/<pid>/{stack,syscall,wchan} are refused, as without root
  bool task_flags = true;      ///< false: PF_* (field 9 of stat) were not collected
  bool inlined_frames = true;  ///< false: functions that compilers inline or leave by a jump print no frame
  bool kernel_log = false;     ///< true: the watchdogs have had time to report spinning and hung tasks
};

/// A state of the model as one look at a host: no rates, no durations.
Snapshot draw(const kernel::Config& config, const kernel::State& state, const ModelGaps& gaps);

/// Two looks, `seconds` apart. A task that is on a CPU in both, and that `ran_through` says never left it,
/// has used the CPU all the time, in the kernel, without a context switch. Only for states between which a
/// host can really spend that long: those of a trap.
Snapshot draw_window(const kernel::Config& config, const kernel::State& first, const kernel::State& last,
                     double seconds, const std::vector<bool>& ran_through, const ModelGaps& gaps);

}  // namespace unzap
