// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `reaper-busy-loop`: the last thread of a dying init spins in the first loop of zap_pid_ns_processes(),
/// because TIF_NOTIFY_SIGNAL stays set and kernel_wait4() never sleeps. The flag itself is in no file of
/// /proc: what is seen is the loop, the CPU that never schedules, and who queues behind it.
///
/// certain:  the thread's own stack in the first loop, taken while it ran, with a soft lockup or RCU stall
///           report about it; or two looks at least k_lasting_seconds apart with >= 90 % system time and no
///           context switch, on an exiting thread of an init, with a member of its namespace that did not
///           move in an expedited grace period from mount teardown, or an RCU stall that names its CPU.
///           Or its stack there by perf_event samples, and two such looks: the loop, and that it is never
///           left.
/// likely:   one of these without the other half. On a kernel known to preempt kernel code (full, lazy, rt)
///           never more: preempts_kernel_code() in snapshot/preemption.hpp says why.
/// possible: one look at a live host: an exiting init on a CPU and a member in RCU is also a healthy
///           teardown. A stack in a spinlock's slow path: it may spin on the lock instead.
/// A kernel whose own code has the fix (Host::wait_fix) refutes it: what would be certain or likely is then
/// possible at most, with the contradiction said, and what would be possible is nothing. What the code of a
/// kernel is not known to say, no version number says.
/// A reaper shown asleep (its /proc stack is readable, or wchan is do_wait) is refuted and gives nothing.
Findings reaper_busy_loop(const Picture& picture);

}  // namespace unzap
