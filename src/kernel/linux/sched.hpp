// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/sched/core.c. Facts: docs/kernel-facts/sched.md.

/// States that a wake-up accepts, as a mask over RunState.
using WakeMask = std::uint8_t;
constexpr WakeMask mask_of(RunState state) {
  return static_cast<WakeMask>(1U << static_cast<unsigned>(state));
}
inline constexpr WakeMask k_wake_interruptible = mask_of(RunState::interruptible);
inline constexpr WakeMask k_wake_normal = k_wake_interruptible | mask_of(RunState::uninterruptible);
inline constexpr WakeMask k_wake_any = k_wake_normal | mask_of(RunState::idle);

/// try_to_wake_up(): makes `task` runnable if it sleeps (or is about to sleep) in a state of `mask`; says
/// whether.
bool wake_up(State& s, TaskNo task, WakeMask mask);

/// schedule(): a quiescent state for RCU. A task that is not TASK_RUNNING leaves the run queue, unless it is
/// TASK_INTERRUPTIBLE with a signal pending. The CPU is free afterwards.
void schedule(Step& x);
/// Sleeps in `state` until woken: set_current_state() and schedule() in one step. For waits whose condition
/// and wake-up are under one lock, where nothing can come between.
void sleep_in(Step& x, RunState state);
/// do_task_dead(): never returns.
void do_task_dead(Step& x);

/// cond_resched(): gives way if TIF_NEED_RESCHED is set (and the kernel is not fully preemptible). True: the
/// step is to be tried again later.
bool cond_resched(Step& x);
/// might_sleep(): the same, under PREEMPT_VOLUNTARY only.
bool might_sleep(Step& x);

/// True when `task` is queued and may run on `cpu`.
bool can_run(const Config& c, const State& s, TaskNo task, std::uint8_t cpu);
/// True when some queued task may run on `cpu`.
bool has_queued(const Config& c, const State& s, std::uint8_t cpu);

/// __schedule() picks `task` on the free `cpu`.
void pick(State& s, TaskNo task, std::uint8_t cpu);
/// The tick finds a queued task: TIF_NEED_RESCHED, and under full preemption the running task is put aside on
/// return from the interrupt.
void tick(const Config& c, State& s, std::uint8_t cpu);

}  // namespace unzap::kernel
