// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `reaper-second-loop-spin`: the reaper burns a CPU in the second loop of zap_pid_ns_processes(): a notify
/// signal that comes after the first loop keeps schedule() from sleeping until the last injected member is
/// gone. It does pass through schedule(), so there is no soft lockup and no RCU stall, and context switches
/// grow when others want the CPU.
///
/// likely:   a stack with zap innermost from a running task (profile, state R), or one that burns a CPU.
/// possible: no stack, but an exiting init that ignores SIGCHLD burns a CPU and is switched all the same.
/// A soft lockup report refutes it.
Findings reaper_second_loop_spin(const Picture& picture);

}  // namespace unzap
