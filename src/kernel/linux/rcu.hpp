// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/rcu/tree_exp.h, tree_plugin.h. Facts: docs/kernel-facts/rcu.md.

void step_synchronize_rcu_expedited(Step& x);
void step_exp_funnel_lock(Step& x);
/// The kworker's side: selects the CPUs, waits for them, ends the grace period.
void step_wait_rcu_exp_gp(Step& x);
/// worker_thread() of the kworker: takes the queued work or sleeps.
void step_kthread(Step& x);

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
