// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/rcu/tree_exp.h, tree_plugin.h. Facts: docs/kernel-facts/rcu.md.

/// Steps of synchronize_rcu_expedited().
enum class SynchronizeRcuExpedited : std::uint8_t { rcu_exp_gp_seq_snap, queue_work, wait_event };
constexpr Routine routine_of(SynchronizeRcuExpedited) {
  return Routine::synchronize_rcu_expedited;
}

/// Steps of exp_funnel_lock(). The second: somebody else has asked for the grace period, so it waits for
/// that.
enum class ExpFunnelLock : std::uint8_t { mutex_trylock, wait_event, mutex_lock };
constexpr Routine routine_of(ExpFunnelLock) {
  return Routine::exp_funnel_lock;
}

/// Steps of wait_rcu_exp_gp(), the kworker's side: it selects the CPUs, waits for them, ends the grace
/// period.
enum class WaitRcuExpGp : std::uint8_t { sync_rcu_exp_select_cpus, rcu_exp_wait_wake };
constexpr Routine routine_of(WaitRcuExpGp) {
  return Routine::wait_rcu_exp_gp;
}

/// A context switch on `cpu`: reports a quiescent state if the CPU was asked for one.
void rcu_note_context_switch(const Config& c, State& s, std::uint8_t cpu);
/// True when the IPI for `cpu` is on its way and can be handled now (not in the middle of a context switch).
bool rcu_ipi_can_arrive(const Config& c, const State& s, std::uint8_t cpu);
/// rcu_exp_handler() on `cpu`; says what it did.
std::string_view rcu_exp_handler(const Config& c, State& s, std::uint8_t cpu);
/// rcu_read_lock() and rcu_read_unlock() of a section that lasts longer than one step.
void rcu_read_lock(Step& x);
void rcu_read_unlock(Step& x);

}  // namespace unzap::kernel
