// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "util/names.hpp"

namespace unzap {

/// When a kernel preempts kernel code (kernel/Kconfig.preempt). How it is read: linux/preemption.hpp.
enum class Preemption : std::uint8_t {
  none,       ///< at no time
  voluntary,  ///< where the code offers it: might_sleep()
  full,       ///< wherever preemption is not disabled
  lazy,       ///< as full, but among tasks of the fair class only at the next tick (since 6.13)
  rt,         ///< CONFIG_PREEMPT_RT: as full or lazy, and in spinlocks and interrupt handlers, too
};
constexpr auto names_of(Preemption) {
  return name_table<Preemption>({{Preemption::none, "none"},
                                 {Preemption::voluntary, "voluntary"},
                                 {Preemption::full, "full"},
                                 {Preemption::lazy, "lazy"},
                                 {Preemption::rt, "rt"}});
}

/// True when a task that loops in the kernel without ever scheduling neither keeps its CPU nor holds RCU up:
/// full, rt: irqentry_exit() (kernel/entry/common.c) schedules when an interrupt has set need-resched.
/// lazy: so too; a wake-up of a fair task sets TIF_NEED_RESCHED_LAZY first, and sched_tick()
///       (kernel/sched/core.c) makes TIF_NEED_RESCHED of it. Where such a kernel is built without
///       CONFIG_PREEMPT_RCU, the tick reports the quiescent state: rcu_flavor_sched_clock_irq()
///       (kernel/rcu/tree_plugin.h) looks at preempt_count, which these kernels have (83b28cfe7964).
constexpr bool preempts_kernel_code(Preemption preemption) {
  return preemption == Preemption::full || preemption == Preemption::lazy || preemption == Preemption::rt;
}

}  // namespace unzap
