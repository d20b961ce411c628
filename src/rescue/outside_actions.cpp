// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

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

/// The cgroup that freezes this task: the nearest above it that was asked to freeze.
const CgroupState* freezer_of(const Snapshot& snapshot, const Task& task) {
  const CgroupState* best = nullptr;
  for (const CgroupState& state : snapshot.cgroups) {
    if (!state.freeze_asked.is(true) || !task.cgroup) continue;
    const bool above = *task.cgroup == state.path || task.cgroup->starts_with(state.path + "/");
    if (above && (best == nullptr || state.path.size() < best->path.size())) best = &state;
  }
  return best;
}

}  // namespace

void plan_thaw(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means&) {
  const Task* task = find(snapshot, plan.culprit);
  const CgroupState* freezer = task != nullptr ? freezer_of(snapshot, *task) : nullptr;
  if (freezer == nullptr || !freezer->where.starts_with('/')) {
    plan.why_none = "the cgroup that holds the task was not seen; see the files that the diagnosis names";
    return;
  }
  plan.conditions.push_back(at_least_likely(finding));
  const std::string folder = freezer->where.substr(0, freezer->where.rfind('/'));
  Action action;
  action.kind = ActionKind::write_file;
  action.remedy = "thaw";
  action.file = folder + (freezer->version == 1 ? "/freezer.state" : "/cgroup.freeze");
  action.value = freezer->version == 1 ? "THAWED" : "0";
  action.text = fmt::format("thaw cgroup {}: {} into {}", freezer->path, action.value, action.file);
  action.changes = "every task of this cgroup and of those below runs again; the killed ones then die";
  action.cannot_undo =
      "what the others of the cgroup do while it is thawed; freeze it again if it was paused on purpose";
  plan.action = std::move(action);
}

void plan_abort_fuse(Plan& plan, const Finding& finding, const Snapshot&, const Means& means) {
  std::vector<std::int32_t> waiting;
  for (const FuseConnection& one : means.fuse)
    if (one.waiting.value_or(0) > 0) waiting.push_back(one.number);
  if (waiting.size() != 1) {
    plan.why_none =
        waiting.empty()
            ? "no connection below /sys/fs/fuse/connections has a request without an answer"
            : fmt::format(
                  "connections {} have requests without an answer, and which one this task waits for is not "
                  "known; find the mount's number in /proc/<pid>/mountinfo (the N of 0:N) and abort it by "
                  "hand",
                  fmt::join(waiting, ", "));
    return;
  }
  plan.conditions.push_back(at_least_likely(finding));
  Action action;
  action.kind = ActionKind::write_file;
  action.remedy = "abort-connection";
  action.file = fmt::format("/sys/fs/fuse/connections/{}/abort", waiting.front());
  action.value = "1";
  action.text =
      fmt::format("abort FUSE connection {}, the only one with requests without an answer", waiting.front());
  action.changes = "everybody who uses this mount gets ENOTCONN, now and until it is mounted again";
  action.cannot_undo = "data that the server has not written is lost; a connection cannot be revived";
  plan.action = std::move(action);
}

}  // namespace unzap
