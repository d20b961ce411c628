// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/task_work.c. Facts: docs/kernel-facts/task_work.md.

/// True when a callback is queued; the sentinel alone is none.
inline bool has_task_work(const Task& task) {
  return (task.works & ~k_work_exited) != 0;
}

/// task_work_add(), first half: the push. False (-ESRCH), and no flag is touched, once `work_exited` is in.
bool task_work_push(State& s, TaskNo task, std::uint8_t work);
/// task_work_add(TWA_SIGNAL), second half: set_notify_signal(). Other CPUs may come in between.
void task_work_notify(Step& x, TaskNo task);

}  // namespace unzap::kernel
