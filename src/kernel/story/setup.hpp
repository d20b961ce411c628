// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

/// The tasks of a scenario, in creation order: for each container init's leader, its second thread if there
/// is one, its io-wq workers, the child and the child's SQPOLL thread; then what else there is, the
/// bystanders, the task outside, and last the kworker that drives expedited grace periods.
Config make_config(const Scenario& scenario, const Variant& variant, Preempt preempt);

/// The moment before init starts to die: its leader runs on CPU 0 (or sleeps, to be killed), the inits of
/// further containers wait for a CPU to do the same at any time later, all others sleep.
State initial_state(const Config& config);

/// Counts a new member of a container where it belongs, and gives it its parent.
void count_member(const Config& config, State& s, TaskNo no);

/// How many tasks a scenario has; the limit is k_max_tasks.
std::size_t count_tasks(const Scenario& scenario);

}  // namespace unzap::kernel
