// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/step.hpp"

#include "util/assert.hpp"

namespace unzap::kernel {

bool Config::has_number(const TaskInfo& task, std::uint8_t pid_ns) const {
  if (task.container == 0xff) return false;
  for (std::uint8_t no = task.container; no != 0xff; no = containers[no].inside)
    if (containers[no].pid_ns == pid_ns) return true;
  return false;
}

void Step::call(Routine routine, std::uint8_t return_to) const {
  Task& task = me();
  UNZAP_ASSERT(task.depth < k_max_depth, "call stack of {} is full", my().comm);
  at(return_to);
  task.stack[task.depth] = {routine, 0};
  ++task.depth;
}

void Step::ret(std::uint8_t value) const {
  Task& task = me();
  task.ret = value;
  do {
    UNZAP_ASSERT(task.depth > 1, "{} returns from the bottom of its stack", my().comm);
    --task.depth;
    task.stack[task.depth] = {};
  } while (task.stack[task.depth - 1U].step == k_tail);
}

void Step::become(Routine routine) const {
  me().stack[me().depth - 1U] = {routine, 0};
}

}  // namespace unzap::kernel
