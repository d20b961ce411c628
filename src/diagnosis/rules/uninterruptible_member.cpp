// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/uninterruptible_member.hpp"

#include <fmt/format.h>

#include <optional>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

bool unexplained(const Picture& picture, const Task& task) {
  if (!task.state.is('D') || kernel_thread(task) || picture.scene.site_of(task) != nullptr) return false;
  const Stack* stack = picture.scene.stack_of(task);
  if (stack == nullptr) return true;
  // A stack without a known place, below do_exit(), belongs to exit-path-wait; in zap, to the init's rules.
  return !stack->has("do_exit") && zap_place(*stack) == ZapPlace::none;
}

/// Reads of its /proc files wait, so somebody holds its exec_update_lock or the like: an execve() that does
/// not come on (lock_trace() in fs/proc/base.c, begin_new_exec() in fs/exec.c).
bool blocks_readers(const Picture& picture, const Task& task) {
  return task.blocked_read && picture.scene.site_of(task) == nullptr && !zombie(task);
}

std::optional<Confidence> judge(const Picture& picture, const Task& task) {
  const bool chosen = was_chosen(picture);
  const Reaper* reaper = picture.reapers.over(task);
  const bool zap = reaper != nullptr && reaper->task == &task;
  if (blocks_readers(picture, task) && !zap)
    return reaper != nullptr || killed_in_container(picture, task) ? Confidence::likely
                                                                   : Confidence::possible;
  if (!unexplained(picture, task) || zap) return std::nullopt;
  const bool killed = killed_in_container(picture, task);
  if (reaper == nullptr && !chosen && !killed) return std::nullopt;
  if (!chosen && picture.scene.hold_of(task) != Hold::lasting) return std::nullopt;
  if (!chosen && picture.scene.reported_hung(task) && reaper == nullptr) return std::nullopt;
  // A hung task report with a stack is one of hung-task's, unless the task belongs to a dying namespace.
  if (reaper == nullptr && picture.scene.reported_hung(task) && picture.scene.stack_of(task) != nullptr)
    return std::nullopt;
  const bool dying = reaper != nullptr || killed || exiting(task) == true;
  return dying ? Confidence::likely : Confidence::possible;
}

Finding make(const Picture& picture, const SiteHits& hits) {
  Finding finding = site_finding(picture, CauseId::uninterruptible_member, hits);
  const Task& first = *hits.tasks.front();
  finding.culprit = party(first, Role::uninterruptible);
  finding.summary =
      fmt::format("{} {} in state D (uninterruptible), and nothing tells what for{}", some_of(hits.tasks),
                  hits.tasks.size() == 1 ? "is" : "are", kill_pending(first) ? "; SIGKILL is pending" : "");
  if (first.blocked_read) {
    finding.summary += fmt::format("; reading /proc/{}/{} blocks, so what it holds keeps others waiting, too",
                                   first.tid.value_or(0), *first.blocked_read);
    finding.add_evidence(place_of(first) + "/" + *first.blocked_read, "the read did not come back");
  }
  if (finding.chain.empty())
    finding.chain.push_back({NodeRef::of(first), NodeKind::hidden, {}, false, {finding.evidence.front().id}});
  advise(finding);
  return finding;
}

}  // namespace

Findings uninterruptible_member(const Picture& picture) {
  std::vector<Hit> hits;
  for (const Task* task : picture.scene.tasks())
    if (const auto found = judge(picture, *task)) hits.push_back({task, *found});
  return findings_of(picture, per_jam(picture, hits), make);
}

}  // namespace unzap
