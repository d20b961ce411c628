// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "rescue/actions.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// Those that wait in FUSE as well, and have the same connection mounted.
std::string other_waiters(const FuseView& view, const Snapshot& snapshot, const TaskId& task,
                          std::uint32_t number) {
  std::vector<std::string> names;
  for (const FuseWaiter& one : view.waiters) {
    if (one.task == task || !one.waits || !one.mounts) continue;
    if (std::none_of(one.mounts->begin(), one.mounts->end(),
                     [&](const FuseMount& mount) { return mount.number == number; }))
      continue;
    for (const Task& known : snapshot.tasks)
      if (known.id() == one.task) names.push_back(printable(known.label(), 64));
  }
  if (names.empty()) return "";
  const std::size_t all = names.size();
  names.resize(std::min<std::size_t>(all, 8));
  return fmt::format("; {}{} wait{} in FUSE, too, and ha{} it mounted", fmt::join(names, ", "),
                     all > 8 ? fmt::format(" and {} more", all - 8) : "", all == 1 ? "s" : "",
                     all == 1 ? "s" : "ve");
}

}  // namespace

void plan_abort_fuse(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means) {
  if (!plan.culprit) {
    plan.why_none = "the task that waits was not seen, or its start time is not known";
    return;
  }
  if (!means.fuse) {
    plan.why_none = snapshot.origin != Origin::live
                        ? "which connection the task waits for is read on the host itself, and so is the plan"
                        : "the FUSE connections were not looked at";
    return;
  }
  const FuseView& view = *means.fuse;
  const FuseTie tie = tie_of(view, plan.culprit->id);
  if (!tie.connection) {
    plan.why_none = tie.why;
    return;
  }
  const std::uint32_t number = tie.connection->number;
  const std::string what = described(view, *tie.connection);
  plan.conditions.push_back(condition("the cause is at least likely",
                                      finding.confidence >= Confidence::likely,
                                      std::string(name(finding.confidence))));
  plan.conditions.push_back(condition(
      "it is the connection that the task waits for", true,
      fmt::format("{} has it mounted, did not move, and no other connection of this host had a request "
                  "without an answer in all of {} looks",
                  plan.culprit->label(), view.looks)));
  Action action;
  action.kind = ActionKind::write_file;
  action.remedy = "abort-connection";
  action.file = fmt::format("/sys/fs/fuse/connections/{}/abort", number);
  action.value = "1";
  action.text = "abort FUSE " + what;
  action.changes =
      "everybody who uses this file system, in whatever container, gets ENOTCONN, now and until it is "
      "mounted again" +
      other_waiters(view, snapshot, plan.culprit->id, number);
  action.cannot_undo = "data that the server has not written is lost; a connection cannot be revived";
  action.guard = WriteGuard{*plan.culprit, tie.connection->folder, number, {}, false};
  plan.action = std::move(action);
}

}  // namespace unzap
