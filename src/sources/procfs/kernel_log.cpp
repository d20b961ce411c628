// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/kernel_log.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "sources/procfs/kmsg.hpp"
#include "sources/text/text_source.hpp"

namespace unzap {
namespace {

constexpr double k_ticks_per_second = 100;
// Soft lockup and stall reports come again every 20 to 60 s while the jam lasts.
constexpr double k_current_seconds = 600;

/// The task that the event names, when it is still there.
Task* subject(const KernelEvent& event, const std::map<std::int32_t, Task*>& by_tid) {
  if (!event.tid) return nullptr;
  const auto found = by_tid.find(*event.tid);
  if (found == by_tid.end()) return nullptr;
  Task* task = found->second;
  if (event.comm && task->comm && *event.comm != *task->comm) return nullptr;
  // A number that was given out again after the report.
  const bool younger = event.at_seconds && task->start_ticks &&
                       static_cast<double>(*task->start_ticks) / k_ticks_per_second > *event.at_seconds;
  return younger ? nullptr : task;
}

bool is_in_trouble(const Task& task) {
  return task.state.is('D') || (task.flags.value_or(0) & k_pf_exiting) != 0;
}

/// A report's backtrace is older than the look, so it only fills a gap, and only where the task still hangs.
void complete(Task& task, const KernelEvent& event) {
  if (!is_in_trouble(task)) return;
  if (!task.stack && event.stack && !event.stack->frames.empty()) task.stack = event.stack;
  if (event.kind == EventKind::hung_task && event.duration_seconds && task.state.is('D'))
    task.blocked_seconds = event.duration_seconds;
}

}  // namespace

void merge_kernel_log(std::string_view log, const std::string& label, double now_seconds,
                      Snapshot& snapshot) {
  std::map<std::int32_t, Task*> by_tid;
  for (Task& task : snapshot.tasks)
    if (task.tid) by_tid.emplace(*task.tid, &task);
  std::size_t old = 0;
  for (KernelEvent& event : read_text(kernel_messages(log), label).events) {
    Task* task = subject(event, by_tid);
    const bool recent = !event.at_seconds || now_seconds - *event.at_seconds <= k_current_seconds;
    const bool still_true = recent || (task != nullptr && is_in_trouble(*task));
    if (!still_true || (event.tid && task == nullptr)) {
      ++old;
      continue;
    }
    if (task != nullptr) complete(*task, event);
    snapshot.events.push_back(std::move(event));
  }
  if (old > 0)
    snapshot.problems.push_back(
        {label, fmt::format("{} report{} of tasks that are gone, or older than ten minutes, not used", old,
                            old == 1 ? "" : "s")});
}

}  // namespace unzap
