// SPDX-License-Identifier: Apache-2.0
#include "snapshot/task.hpp"

#include "util/text.hpp"

namespace unzap {

std::optional<TaskId> Task::id() const {
  if (!tid || !start_ticks) return std::nullopt;
  return TaskId{*tid, *start_ticks};
}

bool Task::is_leader() const {
  return tid && tgid && *tid == *tgid;
}

std::string Task::label() const {
  std::string out = comm ? printable(*comm, 64) : std::string("task");
  if (tid) out += "[" + std::to_string(*tid) + "]";
  return out;
}

std::optional<TaskRate> rate(const Task& task, double ticks_per_second) {
  if (task.samples.size() < 2) return std::nullopt;
  const TaskSample& first = task.samples.front();
  const TaskSample& last = task.samples.back();
  TaskRate out;
  out.seconds = last.at_seconds - first.at_seconds;
  if (out.seconds <= 0 || last.utime_ticks < first.utime_ticks || last.stime_ticks < first.stime_ticks)
    return std::nullopt;
  const double window_ticks = out.seconds * ticks_per_second;
  out.user_percent = 100.0 * static_cast<double>(last.utime_ticks - first.utime_ticks) / window_ticks;
  out.system_percent = 100.0 * static_cast<double>(last.stime_ticks - first.stime_ticks) / window_ticks;
  if (first.switches && last.switches && *last.switches >= *first.switches)
    out.switches = *last.switches - *first.switches;
  return out;
}

}  // namespace unzap
