// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/hung_task.hpp"

#include <fmt/format.h>

namespace unzap {

namespace {

/// That this task (null: one that no report names) waits for what its stack names.
Link unknown_wait(const Task* task, const Finding& finding) {
  Link out{task != nullptr ? NodeRef::of(*task) : NodeKind::task, NodeKind::innermost_frames};
  out.evidence = {finding.evidence.front().id};
  return out;
}

/// The system was to sleep, and some task did not come to where it can be frozen: most often one in D.
Findings refused_to_freeze(const Picture& picture, const std::vector<const KernelEvent*>& events) {
  if (events.empty()) return {};
  const Task* task = picture.scene.task_of(*events.front());
  // Where it is known what it waits for, that says more.
  if (task != nullptr && (picture.scene.site_of(*task) != nullptr || picture.reapers.over(*task) != nullptr))
    return {};
  Finding finding;
  finding.cause = CauseId::hung_task;
  finding.confidence = Confidence::possible;
  finding.summary = fmt::format(
      "{} did not freeze when the system was to sleep: it waits where it cannot be stopped, and then cannot "
      "be killed "
      "either; no container teardown is shown to hang on it",
      task != nullptr ? task->label() : "a task");
  if (task != nullptr) finding.culprit = party(*task, Role::refused_to_freeze);
  for (std::size_t at = 0; at < events.size() && at < 8; ++at) cite(finding, *events[at]);
  finding.chain.push_back(unknown_wait(task, finding));
  advise(finding, "The system was to sleep");
  return {std::move(finding)};
}

}  // namespace

Findings hung_task(const Picture& picture) {
  std::vector<const KernelEvent*> events;
  std::vector<const KernelEvent*> freezes;
  std::vector<const Task*> tasks;
  for (const KernelEvent* event : picture.scene.events()) {
    if (event->kind == EventKind::freeze_failed) freezes.push_back(event);
    if (event->kind != EventKind::hung_task) continue;
    const Task* task = picture.scene.task_of(*event);
    if (task != nullptr && (picture.scene.site_of(*task) != nullptr ||
                            picture.reapers.over(*task) != nullptr || exiting(*task) == true))
      continue;
    events.push_back(event);
    if (task != nullptr) tasks.push_back(task);
  }
  if (events.empty()) return refused_to_freeze(picture, freezes);
  Finding finding;
  finding.cause = CauseId::hung_task;
  finding.confidence = Confidence::likely;
  finding.summary =
      tasks.empty() ? "a task was blocked for minutes" : some_of(tasks) + " blocked for minutes";
  finding.summary +=
      " at a place that no cause of the catalogue knows; no container teardown is shown to hang on it";
  if (!tasks.empty()) finding.culprit = party(*tasks.front(), Role::blocked);
  for (std::size_t at = 0; at < events.size() && at < 8; ++at) cite(finding, *events[at]);
  for (const Task* task : tasks) add_victim(finding, *task, Role::blocked);
  finding.chain.push_back(unknown_wait(tasks.empty() ? nullptr : tasks.front(), finding));
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
