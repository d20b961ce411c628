// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/signal.c and include/linux/sched/signal.h. Facts: docs/kernel-facts/signal.md.

/// signal_pending(): TIF_NOTIFY_SIGNAL (unless PF_NO_NOTIFY_SIGNAL) or TIF_SIGPENDING.
inline bool signal_pending(const Task& task) {
  if ((task.tif & k_tif_notify_signal) != 0 && (task.flags & k_pf_no_notify_signal) == 0) return true;
  return (task.tif & k_tif_sigpending) != 0;
}

/// Steps of get_signal(). The last two: it has taken a signal that dumps core, and that is done.
enum class GetSignal : std::uint8_t { clear_notify_signal, dequeue_signal, do_coredump, do_group_exit };
constexpr Routine routine_of(GetSignal) {
  return Routine::get_signal;
}

/// set_notify_signal(), first half: test_and_set of the flag. True when it was clear: only then the second
/// half, a wake-up of an interruptible sleeper, follows. With task-work-by-jobctl the flags are
/// JOBCTL_TASK_WORK and TIF_SIGPENDING.
bool set_notify_flag(const Config& c, State& s, TaskNo task);
/// What set_notify_flag() sets, for words.
inline std::string_view notify_flag_name(const Config& c) {
  return c.has(Switch::task_work_by_jobctl) ? "JOBCTL_TASK_WORK and TIF_SIGPENDING" : "TIF_NOTIFY_SIGNAL";
}

/// SIGKILL to this thread alone, which is woken.
void signal_fatally(State& s, TaskNo task);
/// SIGKILL to every other thread of the caller's group, and SIGNAL_GROUP_EXIT (do_group_exit,
/// zap_other_threads).
void zap_other_threads(Step& x);
/// group_send_sig_info(SIGKILL) to the process of `target`: prepare_signal() and complete_signal().
/// False: dropped, or nobody left who wants it.
bool send_sigkill(const Config& c, State& s, TaskNo target);

/// The same with SIGTERM, for which nobody has a handler. io_uring's threads block it; an init that does not
/// end yet ignores it (SIGNAL_UNKILLABLE).
enum class Term : std::uint8_t { ignored, dropped, pending, woke, killed };
Term send_sigterm(const Config& c, State& s, TaskNo target);

}  // namespace unzap::kernel
