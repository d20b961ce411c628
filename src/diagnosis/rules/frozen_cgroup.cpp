// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/frozen_cgroup.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "diagnosis/rules/site_rule.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// The freezer of the task's cgroup, a frozen one first: a task has one in each hierarchy.
const CgroupState* freezer_beside(const Picture& picture, const Task& task) {
  const Snapshot& snapshot = picture.scene.snapshot();
  if (const CgroupState* frozen = picture.scene.freezer_of(task)) return frozen;
  for (const CgroupState& state : snapshot.cgroups)
    if (task.cgroup && *task.cgroup == state.path) return &state;
  // A text that shows one freezer shows it because of the tasks next to it.
  return snapshot.origin == Origin::text && snapshot.cgroups.size() == 1 ? &snapshot.cgroups.front()
                                                                         : nullptr;
}

/// The way from a dying init that waits for what this task ought to do: it is the parent or the tracer of a
/// zombie in there, and itself outside. Empty when there is none.
std::vector<const Edge*> awaited(const Picture& picture, const Task& task) {
  const auto end = picture.graph.node_of(task);
  if (!end || picture.reapers.over(task) != nullptr) return {};
  std::map<std::size_t, const Edge*> next = {{*end, nullptr}};  // by node: the edge towards the task
  std::vector<std::size_t> open = {*end};
  for (std::size_t at = 0; at < open.size(); ++at) {
    const Task* from = picture.graph.nodes()[open[at]].task;
    const Reaper* reaper = from != nullptr ? picture.reapers.at(*from) : nullptr;
    if (reaper != nullptr && picture.reapers.rests(*reaper)) {
      std::vector<const Edge*> way;
      for (const Edge* edge = next[open[at]]; edge != nullptr; edge = next[edge->to]) way.push_back(edge);
      return way;
    }
    for (const Edge* edge : picture.graph.into(open[at]))
      if (next.emplace(edge->from, edge).second) open.push_back(edge->from);
  }
  return {};
}

/// Seen twice, and not at rest for long enough: runtimes freeze a v1 cgroup for a moment to kill what is in
/// it.
bool passing(const Picture& picture, const Task& task) {
  if (picture.scene.snapshot().origin == Origin::text || picture.scene.reported_hung(task)) return false;
  const auto found = rate(task);
  return found && !(found->seconds >= k_lasting_seconds && found->switches.is(0));
}

std::optional<Confidence> judge(const Picture& picture, const Task& task) {
  const WaitSite* site = picture.scene.site_of(task);
  const bool in_freezer = site != nullptr && site->kind == WaitsFor::cgroup;
  const CgroupState* holder = picture.scene.freezer_of(task);
  if (!in_freezer && holder == nullptr) return std::nullopt;
  const CgroupState* freezer = freezer_beside(picture, task);
  const bool frozen = freezer != nullptr && (freezer->frozen.is(true) || freezer->freeze_asked.is(true));
  const bool wanted = kill_pending(task) || picture.reapers.over(task) != nullptr;
  const Stack* stack = picture.scene.stack_of(task);
  const bool v1 =
      (stack != nullptr && stack->has("__refrigerator")) || (holder != nullptr && holder->version == 1);
  const Confidence most = passing(picture, task) ? Confidence::possible : Confidence::certain;
  if (v1 && kill_pending(task) && frozen) return most;
  if (in_freezer && (picture.scene.snapshot().origin == Origin::text || picture.scene.reported_hung(task)))
    return Confidence::likely;
  if (wanted) return at_most(v1 ? Confidence::likely : Confidence::possible, most);
  if (holder != nullptr && !awaited(picture, task).empty()) return at_most(Confidence::likely, most);
  return std::nullopt;
}

/// How somebody outside waits for a frozen task: it is its child, or its tracee.
std::string_view waits_how(const Reason& reason) {
  switch (reason.kind) {
    case Reason::parent_must_reap: return "must be reaped by its parent";
    case Reason::is_traced: return "is traced";
    default: return "waits for it";
  }
}

/// Names the cgroup, who waits for the task, and the file to write.
void tell(Finding& finding, const Picture& picture, const SiteHits& hits) {
  const Task& first = *hits.tasks.front();
  const CgroupState* freezer = picture.scene.freezer_of(first);
  if (freezer == nullptr) return;
  const CgroupState& asked = picture.scene.asked_to_freeze(*freezer);
  const std::string path = printable(asked.path, 128);
  const bool one = hits.tasks.size() == 1;
  finding.summary = fmt::format("{} {} frozen by cgroup {} (v{})", some_of(hits.tasks), one ? "is" : "are",
                                path, freezer->version);
  finding.culprit->role = Role::frozen_by(path);
  if (freezer->version == 1 && kill_pending(first)) finding.summary += ", where SIGKILL does not act";
  if (const Reaper* reaper = picture.reapers.over(first)) {
    if (reaper->task != &first)
      finding.summary += fmt::format("; the dying init {} waits for it", reaper->task->label());
  } else if (const auto way = awaited(picture, first); !way.empty()) {
    const Task& init = *picture.graph.nodes()[way.front()->from].task;
    const Task* last = picture.graph.nodes()[way.back()->from].task;
    finding.summary +=
        fmt::format("; the dying init {} waits for {}, which {}", init.label(),
                    last != nullptr ? last->label() : "something", waits_how(way.back()->reason));
    finding.chain.clear();
    add_links(finding, picture, way);
    for (const Edge* edge : way) {
      const Task* task = picture.graph.nodes()[edge->from].task;
      if (task == nullptr) continue;
      cite(finding, picture, *task);
      add_victim(finding, *task, zombie(*task) ? Role::zombie_behind_frozen : Role::waits_for_frozen);
    }
    if (const auto node = picture.graph.node_of(first)) add_links(finding, picture, picture.graph.out(*node));
  }
  finding.add_evidence(freezer->where, freezer->version == 1 ? "FROZEN" : "frozen 1");
  if (&asked != freezer)
    finding.add_evidence(asked.where, "itself asked to freeze; the task's own cgroup is below it");
}

/// The command that thaws the cgroup of this task; empty when its place is not known.
std::string thaw_command(const Picture& picture, const Task& task) {
  const CgroupState* freezer = picture.scene.freezer_of(task);
  if (freezer == nullptr) return "";
  const CgroupState& asked = picture.scene.asked_to_freeze(*freezer);
  if (!asked.where.starts_with('/')) return "";
  const std::string folder = printable(asked.where.substr(0, asked.where.rfind('/')), 200);
  return asked.version == 1 ? fmt::format("echo THAWED > {}/freezer.state", folder)
                            : fmt::format("echo 0 > {}/cgroup.freeze", folder);
}

/// A freeze that was asked for and has not completed: who does not come to the freezer is the culprit.
void tell_half_frozen(Finding& finding, const Picture& picture, const SiteHits& hits,
                      const CgroupState& half) {
  finding.summary +=
      fmt::format("; the freeze of {} was asked for and has not completed", printable(half.path, 128));
  finding.add_evidence(half.where, "freeze asked, frozen 0");
  for (const Task* task : picture.scene.tasks()) {
    const Stack* stack = picture.scene.stack_of(*task);
    const bool same = !task->cgroup || *task->cgroup == half.path;
    if (stack == nullptr || !same || picture.scene.site_of(*task) != nullptr || zombie(*task)) continue;
    finding.culprit = party(*task, Role::away_from_freezer(innermost(*stack, 3)));
    cite(finding, picture, *task);
    add_victim(finding, *hits.tasks.front(), Role::waits_in_freezer);
    return;
  }
}

Finding make(const Picture& picture, const SiteHits& hits) {
  const Task& first = *hits.tasks.front();
  Finding finding = site_finding(picture, CauseId::frozen_cgroup, hits);
  tell(finding, picture, hits);
  const CgroupState* freezer = freezer_beside(picture, first);
  if (freezer != nullptr && freezer->freeze_asked.is(true) && freezer->frozen.is(false))
    tell_half_frozen(finding, picture, hits, *freezer);
  advise(finding);
  if (const std::string command = thaw_command(picture, first); !command.empty())
    finding.remedies.front().text += ". Here: " + command;
  if (const auto way = awaited(picture, first); !way.empty())
    name_jam(finding, picture, picture.reapers.at(*picture.graph.nodes()[way.front()->from].task));
  return finding;
}

}  // namespace

Findings frozen_cgroup(const Picture& picture) {
  std::vector<Hit> hits;
  for (const Task* task : picture.scene.tasks())
    if (const auto found = judge(picture, *task)) hits.push_back({task, *found});
  // Tasks that one thaw sets free.
  const auto frozen_by = [&](const Task& task) {
    const CgroupState* freezer = picture.scene.freezer_of(task);
    return freezer != nullptr ? picture.scene.asked_to_freeze(*freezer).where : std::string();
  };
  return findings_of(picture, per_jam(picture, hits, frozen_by), make);
}

}  // namespace unzap
