// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/traced_member.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// A dead leader whose threads live on is what any program leaves whose main thread has ended.
bool threads_live_on(const Picture& picture, const Task& task) {
  if (!task.is_leader()) return false;
  const auto threads = picture.scene.index().of_process(*task.tgid);
  return std::any_of(threads.begin(), threads.end(), [](const Task* thread) { return alive(*thread); });
}

bool held_by_tracer(const Picture& picture, const Task& task) {
  if (task.tracer_pid.value_or(0) <= 0) return false;
  if (picture.reapers.over(task) != nullptr) return true;
  if (zombie(task)) return was_chosen(picture) || !threads_live_on(picture, task);
  return exiting(task) == true;
}

/// A live tracer may be about to reap: the init that waits for this very task must have been seen waiting for
/// as long as the window was.
Confidence sure_of(const Picture& picture, const Task& task) {
  const Reaper* reaper = picture.reapers.over(task);
  const bool waited = was_chosen(picture) || (reaper != nullptr && picture.reapers.rests(*reaper));
  return waited ? Confidence::likely : Confidence::possible;
}

/// Zombies that are not the leader of their process. One at a time passes through this state on its way out;
/// on a live host that is all it means.
std::vector<const Task*> zombie_threads(const Picture& picture) {
  std::map<std::int32_t, std::vector<const Task*>> by_process;
  for (const Task* task : picture.scene.tasks())
    if (task->state.is('Z') && task->tgid) by_process[*task->tgid].push_back(task);
  std::vector<const Task*> found;
  for (const auto& [process, tasks] : by_process)
    for (const Task* task : tasks)
      if (task->tid ? *task->tid != process : tasks.size() > 1) found.push_back(task);
  return found;
}

/// Bare state lines without a name or a number come from a look at the threads of one process
/// (grep State /proc/<pid>/task/*/status); a listing of processes would name them.
std::vector<const Task*> nameless_zombies(const Picture& picture) {
  std::vector<const Task*> zombies;
  bool others = false;
  for (const Task* task : picture.scene.tasks()) {
    if (task->tid || task->tgid || task->comm || !task->state || picture.scene.stack_of(*task) != nullptr)
      continue;
    if (zombie(*task)) {
      zombies.push_back(task);
    } else {
      others = true;
    }
  }
  return others && zombies.size() > 1 ? zombies : std::vector<const Task*>{};
}

/// What a text shows of a tracer without its number: dead threads that are not released, a stop, bare
/// zombies.
std::vector<Hit> hints_of_a_tracer(const Picture& picture) {
  std::vector<Hit> hits;
  for (const Task* task : zombie_threads(picture)) hits.push_back({task, Confidence::likely});
  if (!hits.empty()) return hits;
  // A stop: normal life under a debugger, unless the task is on its way out.
  hits = site_hits(picture, CauseId::traced_member);
  for (Hit& hit : hits)
    hit.confidence = exiting(*hit.task) == true ? Confidence::likely : Confidence::possible;
  if (!hits.empty()) return hits;
  for (const Task* task : nameless_zombies(picture)) hits.push_back({task, Confidence::possible});
  return hits;
}

std::vector<Hit> held(const Picture& picture) {
  std::vector<Hit> hits;
  std::set<const Task*> known;
  for (const Task* task : picture.scene.tasks()) {
    if (!held_by_tracer(picture, *task)) continue;
    hits.push_back({task, sure_of(picture, *task)});
    known.insert(task);
  }
  if (!was_chosen(picture)) return hits;
  if (hits.empty()) return hints_of_a_tracer(picture);
  for (const Task* task : zombie_threads(picture))
    if (!known.contains(task)) hits.push_back({task, Confidence::likely});
  return hits;
}

/// The tracer as a finding names it.
Party tracer_of(const Picture& picture, const Task& task) {
  if (const Task* tracer = picture.scene.index().by_tid(*task.tracer_pid))
    return party(*tracer, Role::tracer);
  Party unknown;
  unknown.pid = unknown.tid = *task.tracer_pid;
  unknown.role = Role::tracer;
  return unknown;
}

Finding make(const Picture& picture, const SiteHits& hits) {
  Finding finding = site_finding(picture, CauseId::traced_member, hits);
  const Task& first = *hits.tasks.front();
  const bool named = first.tracer_pid.value_or(0) > 0;
  finding.culprit.reset();
  if (named) finding.culprit = tracer_of(picture, first);
  add_victim(finding, first, Role::traced);
  finding.summary =
      fmt::format("{} {} held by a tracer{}", some_of(hits.tasks), hits.tasks.size() == 1 ? "is" : "are",
                  named ? fmt::format(" (pid {})", *first.tracer_pid)
                        : ": dead threads release themselves unless one traces them (who does is not shown)");
  if (const Reaper* reaper = picture.reapers.over(first); reaper != nullptr && reaper->task != &first)
    finding.summary += fmt::format("; the dying init {} waits for it", reaper->task->label());
  if (finding.chain.empty())
    finding.chain.push_back({NodeRef::of(first),
                             NodeKind::tracer,
                             Reason::to_reap_or_detach,
                             false,
                             {finding.evidence.front().id}});
  advise(finding);
  return finding;
}

}  // namespace

Findings traced_member(const Picture& picture) {
  const std::vector<Hit> hits = held(picture);
  // A text shows dead threads next to the one of which it shows the tracer.
  const std::int32_t shown = hits.empty() ? 0 : hits.front().task->tracer_pid.value_or(0);
  const auto tracer = [&](const Task& task) {
    const std::int32_t number = task.tracer_pid.value_or(0);
    return std::to_string(number == 0 && was_chosen(picture) ? shown : number);
  };
  return findings_of(picture, per_jam(picture, hits, tracer), make);
}

}  // namespace unzap
