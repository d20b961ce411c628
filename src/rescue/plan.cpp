// SPDX-License-Identifier: Apache-2.0
#include "rescue/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "rescue/actions.hpp"

namespace unzap {
namespace {

struct Row {
  std::string_view cause;
  void (*plan)(Plan&, const Finding&, const Snapshot&, const Means&);
};

/// What can be done from user space, or with the module. A cause without a row has no action.
constexpr Row k_rows[] = {
    {"reaper-busy-loop", plan_clear_flag}, {"frozen-cgroup", plan_thaw},
    {"fuse-request", plan_abort_fuse},     {"unreaped-by-outside-parent", plan_outside_parent},
    {"traced-member", plan_end_tracer},
};

const Task* task_of(const Snapshot& snapshot, const Party& party) {
  for (const Task& task : snapshot.tasks)
    if (party.tid && task.tid.is(*party.tid)) return &task;
  return nullptr;
}

void watch_victims(Plan& plan, const Finding& finding, const Snapshot& snapshot) {
  for (const Party& victim : finding.victims) {
    const Task* task = task_of(snapshot, victim);
    if (task == nullptr) continue;
    if (auto target = target_of(*task);
        target && std::count(plan.watched.begin(), plan.watched.end(), *target) == 0)
      plan.watched.push_back(std::move(*target));
  }
}

}  // namespace

std::string RescueTarget::label() const {
  return fmt::format("{}[{}]", comm.empty() ? "task" : comm, id.tid);
}

bool Plan::ready() const {
  return action && std::none_of(conditions.begin(), conditions.end(),
                                [](const Condition& one) { return one.in_the_way(); });
}

std::optional<RescueTarget> target_of(const Task& task) {
  const auto id = task.id();
  if (!id || !task.tgid) return std::nullopt;
  return RescueTarget{*id, *task.tgid, task.comm.value_or("")};
}

Condition condition(std::string text, bool met, std::string seen) {
  return {std::move(text), met ? Condition::Met::yes : Condition::Met::no, std::move(seen)};
}

Plan make_plan(const Finding& finding, const Snapshot& snapshot, const Means& means) {
  Plan plan;
  plan.cause = finding.cause;
  plan.confidence = finding.confidence;
  plan.summary = finding.summary;
  if (finding.culprit)
    if (const Task* task = task_of(snapshot, *finding.culprit)) plan.culprit = target_of(*task);
  watch_victims(plan, finding, snapshot);
  if (snapshot.origin != Origin::live)
    plan.conditions.push_back(
        condition("the snapshot is of this host, now", false,
                  "a recording can be planned for, not acted on; run it on the host itself"));
  const auto* row = std::find_if(std::begin(k_rows), std::end(k_rows),
                                 [&](const Row& one) { return one.cause == finding.cause; });
  if (row == std::end(k_rows)) {
    plan.why_none = "nothing that unzap could do for this cause; see what the diagnosis advises";
    return plan;
  }
  row->plan(plan, finding, snapshot, means);
  if (plan.action && snapshot.origin == Origin::live)
    plan.conditions.push_back(condition("unzap runs as root", means.root,
                                        means.root ? "effective user 0" : "run it again with sudo"));
  return plan;
}

std::vector<Plan> make_plans(const Diagnosis& diagnosis, const Snapshot& snapshot, const Means& means) {
  std::vector<Plan> out;
  for (const Finding& finding : diagnosis.findings) out.push_back(make_plan(finding, snapshot, means));
  return out;
}

}  // namespace unzap
