// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "rescue/actions.hpp"

namespace unzap {
namespace {

Condition at_least_likely(const Finding& finding) {
  return condition("the cause is at least likely", finding.confidence >= Confidence::likely,
                   std::string(name(finding.confidence)));
}

const Task* find(const Snapshot& snapshot, const std::optional<RescueTarget>& target) {
  for (const Task& task : snapshot.tasks)
    if (target && task.id() == target->id) return &task;
  return nullptr;
}

Action signal(const RescueTarget& target, int number, std::string remedy) {
  Action action;
  action.kind = ActionKind::signal_task;
  action.remedy = std::move(remedy);
  action.target = target;
  action.signal = number;
  return action;
}

}  // namespace

void plan_outside_parent(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means&) {
  const Task* parent = find(snapshot, plan.culprit);
  if (parent == nullptr || !parent->state) {
    plan.why_none = "the parent outside was not seen";
    return;
  }
  if (plan.culprit->id.tid == 1) {
    plan.why_none = "the parent is process 1 of the host, which is not to be signalled";
    return;
  }
  plan.conditions.push_back(at_least_likely(finding));
  if (*parent->state == 'D') {
    plan.why_none = plan.culprit->label() +
                    " is in an uninterruptible wait and takes no signal; what it waits for comes first";
    return;
  }
  const bool stopped = *parent->state == 'T';
  Action action =
      signal(*plan.culprit, stopped ? SIGCONT : SIGTERM, stopped ? "continue-parent" : "end-parent");
  if (stopped) {
    action.text = fmt::format("let {} go on (SIGCONT): it is stopped, so it cannot reap its child",
                              plan.culprit->label());
    action.changes = "a stopped process runs again";
    action.cannot_undo = "what it does then; stop it again with SIGSTOP";
  } else {
    action.text = fmt::format(
        "end {} (SIGTERM): its zombie then goes to the nearest subreaper outside, or to "
        "process 1, which reaps it",
        plan.culprit->label());
    action.changes = "the process outside ends, with all that it does for others";
    action.cannot_undo = "its end; a service manager may start it again";
  }
  plan.action = std::move(action);
}

void plan_end_tracer(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means&) {
  const Task* tracer = find(snapshot, plan.culprit);
  if (tracer == nullptr) {
    plan.why_none = "the tracer was not seen";
    return;
  }
  plan.conditions.push_back(at_least_likely(finding));
  const bool traces = std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(), [&](const Task& task) {
    return task.tracer_pid &&
           (*task.tracer_pid == plan.culprit->id.tid || *task.tracer_pid == plan.culprit->tgid) &&
           *task.tracer_pid != 0;
  });
  plan.conditions.push_back(condition("it traces a task of the finding", traces,
                                      traces ? "TracerPid says so" : "no TracerPid names it"));
  Action action = signal(*plan.culprit, SIGKILL, "kill-tracer");
  action.text = fmt::format("end the tracer {} (SIGKILL): the kernel then lets go of what it traces",
                            plan.culprit->label());
  action.changes = "the debugger or strace ends, and lets go of all that it traces";
  action.cannot_undo = "its session and what it has not written";
  plan.action = std::move(action);
}

}  // namespace unzap
