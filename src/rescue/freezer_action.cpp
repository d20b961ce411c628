// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rescue/actions.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_names_shown = 8;

const FreezerView* view_of(const Means& means, const TaskId& task) {
  for (const FreezerView& view : means.freezers)
    if (view.task == task) return &view;
  return nullptr;
}

std::vector<const FrozenTask*> not_dying(const FreezerView& view) {
  std::vector<const FrozenTask*> out;
  for (const FrozenTask& task : view.crowd)
    if (!task.dying) out.push_back(&task);
  return out;
}

/// "3 tasks: web[12], sh[13] and 1 more; of 2 containers: 0123456789ab, ..."
std::string list_of(const std::vector<const FrozenTask*>& tasks) {
  std::string out = fmt::format("{} task{}: ", tasks.size(), tasks.size() == 1 ? "" : "s");
  std::vector<std::string> containers;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const FrozenTask& one = *tasks[i];
    if (i < k_names_shown)
      out += fmt::format("{}{}[{}]", i == 0 ? "" : ", ", printable(one.comm, 32), one.id.tid);
    const std::string id = one.container.substr(0, 12);
    if (!id.empty() && std::count(containers.begin(), containers.end(), id) == 0) containers.push_back(id);
  }
  if (tasks.size() > k_names_shown) out += fmt::format(" and {} more", tasks.size() - k_names_shown);
  if (containers.empty()) return out;
  const std::size_t shown = std::min(containers.size(), k_names_shown);
  return out + fmt::format("; container{} {}{}", containers.size() == 1 ? "" : "s",
                           fmt::join(containers.begin(),
                                     containers.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                           containers.size() > shown ? ", ..." : "");
}

/// How whoever paused it on purpose lets it go on.
std::string unpause(const FreezerView& view) {
  const auto member = std::find_if(view.crowd.begin(), view.crowd.end(),
                                   [](const FrozenTask& task) { return !task.container.empty(); });
  const std::string id = member == view.crowd.end() ? "ID" : member->container;
  return fmt::format(
      "if it was paused on purpose (docker pause, ctr tasks pause, podman pause, a checkpoint, a "
      "quarantine), let its runtime resume it: docker unpause {0}, ctr -n NAMESPACE tasks resume {0}, "
      "podman unpause {0}",
      id);
}

/// Everybody who would run again is dying already, or may run.
Condition others(const FreezerView& view, const Means& means) {
  const auto alive = not_dying(view);
  const std::string text = "nobody else would run again than those that SIGKILL waits for";
  if (alive.empty())
    return condition(text, view.gaps.empty(),
                     fmt::format("all {} tasks in and below that cgroup are dying", view.crowd.size()));
  const std::string seen = fmt::format("no fatal signal is pending for {}", list_of(alive));
  if (means.thaw_others) return condition("others run again, as --thaw-others allows", true, seen);
  return condition(text, false,
                   fmt::format("{}. With --thaw-others they would run again; {}", seen, unpause(view)));
}

Condition complete(const FreezerView& view) {
  const std::string text = "who else would run again was read to the end";
  if (view.gaps.empty()) return condition(text, true, fmt::format("{} tasks", view.crowd.size()));
  return condition(text, false, fmt::format("{}", fmt::join(view.gaps, "; ")));
}

WriteGuard guard_of(const FreezerView& view, const RescueTarget& task) {
  WriteGuard guard;
  guard.task = task;
  guard.folder = view.freezing.back().id;
  for (const FrozenTask* one : not_dying(view)) guard.may_run.push_back(one->id);
  std::sort(guard.may_run.begin(), guard.may_run.end(), [](const TaskId& a, const TaskId& b) {
    return a.tid != b.tid ? a.tid < b.tid : a.start_ticks < b.start_ticks;
  });
  guard.more = view.freezing.size() > 1;
  return guard;
}

Action thaw(const FreezerView& view, const RescueTarget& task) {
  const FreezingCgroup& cgroup = view.freezing.back();
  const std::string path = printable(cgroup.path, 200);
  Action action;
  action.kind = ActionKind::write_file;
  action.remedy = "thaw";
  action.file = cgroup.folder + "/" + cgroup.file();
  action.value = cgroup.value();
  action.text = fmt::format("thaw cgroup {}: {} into {}", path, action.value, printable(action.file, 300));
  action.changes = "every task of this cgroup and of those below runs again; the killed ones then die";
  if (view.freezing.size() > 1) {
    std::vector<std::string> above;
    for (std::size_t i = 0; i + 1 < view.freezing.size(); ++i)
      above.push_back(printable(view.freezing[i].path, 200));
    action.changes = fmt::format(
        "nobody runs yet: {} cgroup{} freeze{} it as well ({}), and each has to be thawed, from the inside "
        "out; run unzap rescue again after this",
        above.size(), above.size() == 1 ? "" : "s", above.size() == 1 ? "s" : "", fmt::join(above, ", "));
  }
  action.cannot_undo = "what the others of the cgroup do while it is thawed; " + unpause(view);
  action.guard = guard_of(view, task);
  return action;
}

}  // namespace

std::string WriteGuard::text() const {
  std::string out = fmt::format("{} {} folder {} {} connection {} more {}", task.id.tid, task.id.start_ticks,
                                folder.device, folder.inode, connection.value_or(0), more);
  for (const TaskId& one : may_run) out += fmt::format(" run {} {}", one.tid, one.start_ticks);
  return out;
}

void plan_thaw(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means) {
  if (!plan.culprit) {
    plan.why_none = "the frozen task was not seen, or its start time is not known";
    return;
  }
  const FreezerView* view = view_of(means, plan.culprit->id);
  if (view == nullptr || view->freezing.empty()) {
    plan.why_none = view != nullptr
                        ? fmt::format("{}: {}", plan.culprit->label(), fmt::join(view->gaps, "; "))
                    : snapshot.origin != Origin::live
                        ? "who else would run again is read on the host itself, and so is the plan"
                        : "the cgroup that freezes the task was not looked at";
    return;
  }
  plan.conditions.push_back(condition("the cause is at least likely",
                                      finding.confidence >= Confidence::likely,
                                      std::string(name(finding.confidence))));
  plan.conditions.push_back(condition(
      "this very cgroup was asked to freeze, and holds the task", true,
      fmt::format("{} of {} says so; {} is in {}{}",
                  view->freezing.back().version == 1 ? "freezer.self_freezing" : "cgroup.freeze",
                  printable(view->freezing.back().path, 200), plan.culprit->label(),
                  printable(view->cgroup, 200), view->frozen ? "" : ", whose freeze is not complete")));
  plan.conditions.push_back(complete(*view));
  plan.conditions.push_back(others(*view, means));
  plan.action = thaw(*view, *plan.culprit);
}

}  // namespace unzap
