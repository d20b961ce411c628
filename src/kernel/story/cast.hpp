// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

/// The tasks of a scenario, which must be free of objections, on a kernel. They are made container by
/// container, each `count` times, and there process by process: leader, other threads, SQPOLL thread, io-wq
/// workers. The task outside comes next if it does something, and last the kworker that drives expedited
/// grace periods.
Config make_config(const Scenario& scenario, const Variant& variant, Preempt preempt);

}  // namespace unzap::kernel
