// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/step.hpp"

#include "kernel/linux/sched.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {

bool Config::has_number(const TaskInfo& task, std::uint8_t pid_ns) const {
  if (task.container == 0xff) return false;
  for (std::uint8_t no = task.container; no != 0xff; no = containers[no].inside)
    if (containers[no].pid_ns == pid_ns) return true;
  return false;
}

void Step::take() {
  do {
    const CallFrame at = frame();
    const Programs::Loaded& row = c.programs.at(at.routine, at.step);
    UNZAP_ASSERT(row.run, "{} runs at a routine without steps: {}", my().comm, static_cast<int>(at.routine));
    where = at.routine;
    then_ = Then::next_row;
    if (taken_) taken_->push_back(at);
    if (row.might_sleep && might_sleep(*this)) return;
    row.run(*this);
    if (gave_way) return;
    if (then_ == Then::next_row) fall_through(row);
  } while (then_ == Then::goes_on);
}

void Step::fall_through(const Programs::Loaded& row) {
  UNZAP_ASSERT(row.next != k_tail, "{} runs past the end of a routine", my().comm);
  frame().step = row.next;
  if (row.joins_next) then_ = Then::goes_on;
}

void Step::push(Routine routine) {
  Task& task = me();
  UNZAP_ASSERT(task.depth < k_max_depth, "call stack of {} is full", my().comm);
  task.stack[task.depth] = {routine, c.programs.first(routine)};
  ++task.depth;
  then_ = Then::stops;
}

void Step::call(Routine routine) {
  const CallFrame at = frame();
  frame().step = c.programs.at(at.routine, at.step).next;
  push(routine);
}

void Step::tail_call(Routine routine) {
  frame().step = k_tail;
  push(routine);
}

void Step::ret(std::uint8_t value) {
  Task& task = me();
  task.ret = value;
  do {
    UNZAP_ASSERT(task.depth > 1, "{} returns from the bottom of its stack", my().comm);
    --task.depth;
    task.stack[task.depth] = {};
  } while (frame().step == k_tail);
  then_ = Then::stops;
}

void Step::become(Routine routine) {
  frame() = {routine, c.programs.first(routine)};
  then_ = Then::stops;
}

}  // namespace unzap::kernel
