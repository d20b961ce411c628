// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/hung_task.hpp"

#include <fmt/format.h>

namespace unzap {

Findings hung_task(const WaitGraph& graph) {
  std::vector<const KernelEvent*> events;
  std::vector<const Task*> tasks;
  for (const KernelEvent* event : graph.events()) {
    if (event->kind != EventKind::hung_task) continue;
    const Task* task = graph.task_of(*event);
    if (task != nullptr &&
        (graph.site_of(*task) != nullptr || graph.reaper_over(*task) != nullptr || exiting(*task) == true))
      continue;
    events.push_back(event);
    if (task != nullptr) tasks.push_back(task);
  }
  if (events.empty()) return {};
  Finding finding;
  finding.cause = "hung-task";
  finding.confidence = Confidence::likely;
  finding.summary =
      tasks.empty() ? "a task was blocked for minutes" : some_of(tasks) + " blocked for minutes";
  finding.summary +=
      " at a place that no cause of the catalogue knows; no container teardown is shown to hang on it";
  if (!tasks.empty()) finding.culprit = party(*tasks.front(), "blocked");
  for (std::size_t at = 0; at < events.size() && at < 8; ++at) cite(finding, *events[at]);
  for (const Task* task : tasks) add_victim(finding, *task, "blocked");
  finding.chain.push_back({tasks.empty() ? "a task" : tasks.front()->label(),
                           "what its innermost functions name",
                           {finding.evidence.front().id}});
  finding.refuted_by = {"the task has moved on: reports are about the past"};
  finding.next_evidence = {
      "cat /proc/<pid>/task/<tid>/stack", "dmesg | grep -A40 'blocked for more'",
      "echo w > /proc/sysrq-trigger; dmesg | tail -300   # all blocked tasks, into the kernel log"};
  finding.remedies = {
      {"read-stack", "Read the stack: the functions below schedule() say what it waits for", "none"}};
  finding.references = {"docs/causes/hung-task.md", "kernel/hung_task.c"};
  return {std::move(finding)};
}

}  // namespace unzap
