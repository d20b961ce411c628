// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/site_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace unzap {
namespace {

constexpr std::size_t k_most_cited = 12;

/// How near a task is to a container that does not end: lower is nearer.
int distance(const Picture& picture, const Task& task) {
  if (picture.reapers.over(task) != nullptr) return 0;
  return exiting(task) == true ? 1 : 2;
}

Role role_of(const Picture& picture, const Task& task) {
  const WaitSite* site = picture.scene.site_of(task);
  return site == nullptr ? Role() : Role::waits(matched_functions(*picture.scene.stack_of(task), *site));
}

/// The dying init that a pasted text shows asleep next to this exiting task: the text does not say whose
/// child it is, but there is only one init.
const Reaper* reaper_beside(const Picture& picture, const Task& task) {
  const bool alone = picture.reapers.all().size() == 1 && picture.scene.snapshot().origin == Origin::text;
  if (!alone || exiting(task) != true || picture.reapers.over(task) != nullptr) return nullptr;
  const Reaper& reaper = picture.reapers.all().front();
  return picture.reapers.rests(reaper) ? &reaper : nullptr;
}

/// From the dying init over its namespace to the task, when the task is a member of one.
void add_reaper_links(Finding& finding, const Picture& picture, const Task& task) {
  const Reaper* reaper = picture.reapers.over(task);
  if (reaper != nullptr) add_links(finding, picture, picture.graph.way(*reaper->task, task));
}

/// The surest first; among equals the nearest to a container that does not end.
SiteHits sorted(const Picture& picture, std::vector<Hit> hits) {
  std::stable_sort(hits.begin(), hits.end(), [&](const Hit& a, const Hit& b) {
    if (a.confidence != b.confidence) return a.confidence > b.confidence;
    return distance(picture, *a.task) < distance(picture, *b.task);
  });
  SiteHits out;
  out.confidence = hits.front().confidence;
  for (const Hit& hit : hits) out.tasks.push_back(hit.task);
  return out;
}

/// The one dying namespace that a text shows among these tasks; null when there is none, or several.
const Reaper* only_reaper(const Picture& picture, const std::vector<Hit>& hits) {
  const Reaper* only = nullptr;
  for (const Hit& hit : hits) {
    const Reaper* reaper = picture.reapers.over(*hit.task);
    if (reaper == nullptr || reaper == only) continue;
    if (only != nullptr) return nullptr;
    only = reaper;
  }
  return only;
}

}  // namespace

std::optional<Confidence> weight(const Picture& picture, const Task& task) {
  switch (picture.scene.hold_of(task)) {
    case Hold::none:
    case Hold::instant: return std::nullopt;
    case Hold::pasted:
      return task.state.is('S') || task.state.is('T') || task.state.is('t') ? Confidence::possible
                                                                            : Confidence::likely;
    case Hold::lasting: break;
  }
  const Origin origin = picture.scene.snapshot().origin;
  const bool reported = task.blocked_seconds || origin == Origin::text || origin == Origin::model;
  if (reported || picture.scene.reported_hung(task) || picture.reapers.over(task) != nullptr)
    return Confidence::likely;
  if (killed_in_container(picture, task)) return Confidence::likely;
  if (exiting(task) == true) return Confidence::possible;
  return std::nullopt;
}

std::vector<Hit> site_hits(const Picture& picture, CauseId cause) {
  std::vector<Hit> hits;
  for (const Task* task : picture.scene.tasks()) {
    const WaitSite* site = picture.scene.site_of(*task);
    if (site == nullptr || site->cause != cause) continue;
    const auto found = weight(picture, *task);
    if (!found) continue;
    const bool unsure = site->weak || only_by_prefix(*picture.scene.stack_of(*task), *site);
    hits.push_back({task, unsure && !task->state ? at_most(*found, Confidence::possible) : *found});
  }
  return hits;
}

std::vector<SiteHits> per_jam(const Picture& picture, const std::vector<Hit>& hits) {
  return per_jam(picture, hits, [](const Task&) { return std::string(); });
}

std::vector<SiteHits> per_jam(const Picture& picture, const std::vector<Hit>& hits,
                              const std::function<std::string(const Task&)>& also) {
  const bool chosen = was_chosen(picture);
  const Reaper* only = chosen ? only_reaper(picture, hits) : nullptr;
  std::vector<std::vector<Hit>> groups;
  std::map<std::tuple<const Reaper*, std::string, std::string>, std::size_t> numbers;
  for (const Hit& hit : hits) {
    const Reaper* reaper = picture.reapers.over(*hit.task);
    if (reaper == nullptr) reaper = only;
    const std::string container = reaper == nullptr && !chosen ? hit.task->container.value_or("") : "";
    const auto [at, fresh] = numbers.try_emplace({reaper, container, also(*hit.task)}, groups.size());
    if (fresh) groups.emplace_back();
    groups[at->second].push_back(hit);
  }
  std::vector<SiteHits> out;
  for (std::vector<Hit>& group : groups) out.push_back(sorted(picture, std::move(group)));
  return out;
}

std::optional<SiteHits> one_jam(const Picture& picture, const std::vector<Hit>& hits) {
  if (hits.empty()) return std::nullopt;
  return sorted(picture, hits);
}

bool killed_in_container(const Picture& picture, const Task& task) {
  const bool contained = (task.ns_pids && task.ns_pids->size() >= 2) || task.container;
  return contained && kill_pending(task) && task.state.is('D') &&
         picture.scene.hold_of(task) == Hold::lasting;
}

Finding site_finding(const Picture& picture, CauseId cause, const SiteHits& hits) {
  Finding finding;
  finding.cause = cause;
  finding.confidence = hits.confidence;
  const Task& first = *hits.tasks.front();
  const WaitSite* site = picture.scene.site_of(first);
  finding.culprit = party(first, role_of(picture, first));
  finding.summary = fmt::format("{} wait{} for {}", some_of(hits.tasks), hits.tasks.size() == 1 ? "s" : "",
                                site != nullptr ? site->object.text(hits.tasks.size()) : "something");
  if (const Reaper* reaper = picture.reapers.over(first)) {
    finding.summary += fmt::format("; the dying init {} waits for it", reaper->task->label());
  } else if (exiting(first) == true) {
    finding.summary += ", on its way out: SIGKILL changes nothing any more";
  }
  add_reaper_links(finding, picture, first);
  if (const auto node = picture.graph.node_of(first)) add_links(finding, picture, picture.graph.out(*node));
  std::size_t cited = 0;
  for (const Task* task : hits.tasks) {
    if (cited++ < k_most_cited) cite(finding, picture, *task);
    add_victim(finding, *task, role_of(picture, *task));
  }
  if (const Reaper* reaper = reaper_beside(picture, first)) {
    const auto ids = cite(finding, picture, *reaper->task);
    finding.chain.insert(finding.chain.begin(),
                         {NodeRef::of(*reaper->task), NodeRef::of(first), Reason::exits_beside, true, ids});
    add_victim(finding, *reaper->task, Role::init_in_zap);
  }
  if (const Reaper* reaper = picture.reapers.over(first)) {
    cite(finding, picture, *reaper->task);
    if (reaper->task != &first) add_victim(finding, *reaper->task, Role::init_in_zap);
  }
  name_jam(finding, picture, picture.reapers.over(first));
  return finding;
}

Findings ask(const StackRule& rule, CauseId cause, const Picture& picture) {
  std::vector<Hit> hits = site_hits(picture, cause);
  if (rule.choose != nullptr) rule.choose(picture, hits);
  std::vector<SiteHits> jams;
  if (!rule.one_lock)
    jams = per_jam(picture, hits);
  else if (auto all = one_jam(picture, hits))
    jams.push_back(std::move(*all));
  return findings_of(picture, jams, [&](const Picture&, const SiteHits& jam) {
    Finding finding = site_finding(picture, cause, jam);
    finding.summary += rule.ending;
    for (const KernelEvent* event : picture.scene.events())
      if (rule.reports == event->kind) cite(finding, *event);
    advise(finding);
    if (rule.refine != nullptr) rule.refine(finding, picture, jam);
    return finding;
  });
}

}  // namespace unzap
