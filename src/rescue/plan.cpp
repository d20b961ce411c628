// SPDX-License-Identifier: Apache-2.0
#include "rescue/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "diagnosis/catalogue.hpp"
#include "rescue/actions.hpp"

namespace unzap {
namespace {

using PlansOf = std::vector<Plan> (*)(const Plan&, const Finding&, const Snapshot&, const Means&);

/// A cause with one plan.
template <void (*make)(Plan&, const Finding&, const Snapshot&, const Means&)>
std::vector<Plan> one(const Plan& begun, const Finding& finding, const Snapshot& snapshot,
                      const Means& means) {
  Plan plan = begun;
  make(plan, finding, snapshot, means);
  return {std::move(plan)};
}

struct Row {
  RescueKind kind;
  PlansOf plans;
};

/// What can be done from user space, or with the module.
constexpr Row k_rows[] = {
    {RescueKind::clear_flag, one<plan_clear_flag>}, {RescueKind::thaw, one<plan_thaw>},
    {RescueKind::abort_fuse, one<plan_abort_fuse>}, {RescueKind::reap_outside, plans_outside_parent},
    {RescueKind::end_tracer, plans_end_tracer},
};

/// The task that a finding names, by number and start time: a number alone may be somebody else by now.
const Task* task_of(const Snapshot& snapshot, const Party& party) {
  if (!party.tid || !party.start_ticks) return nullptr;
  return task_of(snapshot, TaskId{*party.tid, *party.start_ticks});
}

Watched watched(const Task& task, const RescueTarget& target) {
  Watched out{target};
  out.zombie = task.state.is('Z') || task.state.is('X');
  if (!task.samples.empty() && task.samples.back().switches) out.switches = *task.samples.back().switches;
  return out;
}

void watch(Plan& plan, const Task* task) {
  const auto target = task != nullptr ? target_of(*task) : std::nullopt;
  if (!target) return;
  const bool known = std::any_of(plan.watched.begin(), plan.watched.end(),
                                 [&](const Watched& one) { return one.id == target->id; });
  if (!known) plan.watched.push_back(watched(*task, *target));
}

Plan begin_plan(const Finding& finding, const Snapshot& snapshot) {
  Plan plan;
  plan.cause = name(finding.cause);
  plan.confidence = finding.confidence;
  plan.summary = finding.summary;
  plan.pid_ns = finding.pid_ns;
  if (finding.culprit)
    if (const Task* task = task_of(snapshot, *finding.culprit)) plan.culprit = target_of(*task);
  if (finding.reaper) {
    const Task* task = task_of(snapshot, *finding.reaper);
    if (task != nullptr) plan.reaper = target_of(*task);
    watch(plan, task);
  }
  for (const Party& victim : finding.victims) watch(plan, task_of(snapshot, victim));
  if (snapshot.origin != Origin::live)
    plan.conditions.push_back(
        condition("the snapshot is of this host, now", false,
                  "a recording can be planned for, not acted on; run it on the host itself"));
  return plan;
}

/// That every task it names belongs to this jam, and to no other.
Condition membership(const Finding& finding) {
  const std::string text = "who belongs to whom is proved";
  if (!finding.unproved.empty()) {
    Condition out = condition(text, false, "");
    out.unproved = finding.unproved;
    return out;
  }
  return condition(text, true,
                   finding.pid_ns ? fmt::format("by the chain of pid namespace {}", *finding.pid_ns)
                                  : "the finding names no task of another namespace");
}

/// True when the process of this task has the number 1 in its own pid namespace.
bool is_init(const Task& task, const Snapshot& snapshot) {
  return std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(), [&](const Task& leader) {
    return leader.is_leader() && leader.tgid == task.tgid && leader.ns_pids && leader.ns_pids->size() > 1 &&
           leader.ns_pids->back() == 1;
  });
}

/// That the one whose end will prove the namespace gone is its init: kernel/pid_namespace.c,
/// zap_pid_ns_processes() lets it go only when no other number of the namespace is in use.
std::optional<Condition> reaper_is_init(const Plan& plan, const Snapshot& snapshot) {
  if (!plan.pid_ns) return std::nullopt;
  const std::string text = "the init of the dying pid namespace is known";
  const Task* task = plan.reaper ? task_of(snapshot, plan.reaper->id) : nullptr;
  if (task == nullptr) return condition(text, false, "it was not seen, so its end could not be told");
  const bool same = in_pid_ns(*task, *plan.pid_ns) == true && plan.reaper->pid_ns == plan.pid_ns;
  if (!same || !is_init(*task, snapshot))
    return condition(text, false,
                     fmt::format("{} is not shown to be number 1 of pid namespace {}", plan.reaper->label(),
                                 *plan.pid_ns));
  return condition(text, true,
                   fmt::format("{} is number 1 of pid namespace {}", plan.reaper->label(), *plan.pid_ns));
}

/// What every action needs, besides what its kind needs.
void add_common_conditions(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means) {
  // Whom a write is to free is stuck itself; who gets a signal is not.
  if (plan.action->kind == ActionKind::write_file && plan.culprit)
    watch(plan, task_of(snapshot, plan.culprit->id));
  plan.conditions.push_back(membership(finding));
  if (auto init = reaper_is_init(plan, snapshot)) plan.conditions.push_back(std::move(*init));
  if (plan.watched.empty())
    plan.conditions.push_back(condition("somebody who is stuck can be watched", false,
                                        "no task of the finding has a number and a start time here"));
  if (snapshot.origin == Origin::live)
    plan.conditions.push_back(condition("unzap runs as root", means.root,
                                        means.root ? "effective user 0" : "run it again with sudo"));
}

}  // namespace

std::string RescueTarget::label() const {
  return fmt::format("{}[{}]", comm.empty() ? "task" : comm, id.tid);
}

bool Plan::ready() const {
  return action && obstacle() == nullptr;
}

const Condition* Plan::obstacle() const {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [](const Condition& one) { return one.in_the_way(); });
  return found == conditions.end() ? nullptr : &*found;
}

const Task* task_of(const Snapshot& snapshot, const TaskId& id) {
  for (const Task& task : snapshot.tasks)
    if (task.id() == id) return &task;
  return nullptr;
}

std::optional<RescueTarget> target_of(const Task& task) {
  const auto id = task.id();
  if (!id || !task.tgid) return std::nullopt;
  RescueTarget out{*id, *task.tgid, task.comm.value_or("")};
  if (task.pid_ns_chain && !task.pid_ns_chain->empty()) {
    out.pid_ns = task.pid_ns_chain->front();
  } else if (task.pid_ns) {
    out.pid_ns = *task.pid_ns;
  }
  return out;
}

std::optional<bool> in_pid_ns(const Task& task, std::uint64_t pid_ns) {
  if (!task.pid_ns_chain) return std::nullopt;
  return std::count(task.pid_ns_chain->begin(), task.pid_ns_chain->end(), pid_ns) > 0;
}

Condition condition(std::string text, bool met, std::string seen) {
  return {std::move(text), met ? Condition::Met::yes : Condition::Met::no, std::move(seen)};
}

std::vector<Plan> plans_for(const Finding& finding, const Snapshot& snapshot, const Means& means) {
  Plan begun = begin_plan(finding, snapshot);
  const auto* row = std::find_if(std::begin(k_rows), std::end(k_rows),
                                 [&](const Row& one) { return one.kind == cause(finding.cause).rescue; });
  if (row == std::end(k_rows)) {
    begun.why_none = "nothing that unzap could do for this cause; see what the diagnosis advises";
    return {std::move(begun)};
  }
  std::vector<Plan> out = row->plans(begun, finding, snapshot, means);
  std::string milder;
  for (Plan& plan : out) {
    if (!plan.action) continue;
    add_common_conditions(plan, finding, snapshot, means);
    plan.id = plan_id(plan);
    plan.after = std::exchange(milder, plan.id);
  }
  return out;
}

Plan make_plan(const Finding& finding, const Snapshot& snapshot, const Means& means) {
  return plans_for(finding, snapshot, means).front();
}

std::vector<Plan> make_plans(const Diagnosis& diagnosis, const Snapshot& snapshot, const Means& means) {
  std::vector<Plan> out;
  std::set<std::string> known;
  for (std::size_t i = 0; i < diagnosis.findings.size(); ++i) {
    for (Plan& plan : plans_for(diagnosis.findings[i], snapshot, means)) {
      if (!plan.id.empty() && !known.insert(plan.id).second) continue;
      plan.finding = i;
      out.push_back(std::move(plan));
    }
  }
  return out;
}

}  // namespace unzap
