// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/zombie_under_live_parent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace unzap {
namespace {

/// Fewer unreaped zombies than this under one parent are everyday life on a live host.
constexpr std::size_t k_many = 20;

/// A parent that runs and could reap: alive, and neither exiting nor in an uninterruptible wait.
bool could_reap(const Task* parent) {
  return parent != nullptr && alive(*parent) && exiting(*parent) != true && !parent->state.is('D');
}

/// Dead as a whole: no thread of it is known, or hinted at, to live on.
bool dead_as_a_whole(const Picture& picture, const Task& task) {
  if (!task.state.is('Z') || task.multi_threaded.is(true) || task.threads.value_or(1) > 1) return false;
  if (!task.tgid) return true;
  const auto threads = picture.scene.index().of_process(*task.tgid);
  return task.is_leader() &&
         std::all_of(threads.begin(), threads.end(), [](const Task* other) { return zombie(*other); });
}

}  // namespace

Findings zombie_under_live_parent(const Picture& picture) {
  const bool chosen = was_chosen(picture);
  std::map<std::int32_t, std::vector<const Task*>> by_parent;
  for (const Task* task : picture.scene.tasks()) {
    if (!dead_as_a_whole(picture, *task) || picture.reapers.over(*task) != nullptr) continue;
    const std::int32_t parent = task->ppid.value_or(0);
    if (!chosen && !could_reap(picture.scene.index().by_tid(parent))) continue;
    by_parent[parent].push_back(task);
  }
  const std::vector<const Task*>* most = nullptr;
  std::int32_t parent_tid = 0;
  for (const auto& [parent, zombies] : by_parent)
    if (most == nullptr || zombies.size() > most->size()) {
      most = &zombies;
      parent_tid = parent;
    }
  if (most == nullptr || (!chosen && most->size() < k_many)) return {};
  const Task* parent = picture.scene.index().by_tid(parent_tid);
  Finding finding;
  finding.cause = CauseId::zombie_under_live_parent;
  finding.confidence = chosen && could_reap(parent) ? Confidence::likely : Confidence::possible;
  finding.summary = fmt::format("{} {} dead and not reaped; {}, so nothing is stuck in the kernel",
                                some_of(*most), most->size() == 1 ? "is" : "are",
                                parent != nullptr ? "the parent " + parent->label() + " is there to do it"
                                                  : "no dying init is shown to wait for it");
  if (parent != nullptr) {
    finding.culprit = party(*parent, Role::does_not_reap);
    cite(finding, picture, *parent);
  }
  for (const Task* task : *most) {
    if (finding.victims.size() < 8) cite(finding, picture, *task);
    add_victim(finding, *task, Role::zombie);
  }
  Link link{NodeRef::of(*most->front()), NodeKind::parent};
  if (parent != nullptr) {
    link.to = NodeRef::of(*parent);
    link.reason = Reason::to_reap;
  }
  link.evidence = {finding.evidence.front().id};
  finding.chain.push_back(std::move(link));
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
