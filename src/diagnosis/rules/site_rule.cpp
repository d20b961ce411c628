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
int distance(const WaitGraph& graph, const Task& task) {
  if (graph.reaper_over(task) != nullptr) return 0;
  return exiting(task) == true ? 1 : 2;
}

Role role_of(const WaitGraph& graph, const Task& task) {
  const WaitSite* site = graph.site_of(task);
  return site == nullptr ? Role() : Role::waits(matched_functions(*graph.stack_of(task), *site));
}

/// The dying init that a pasted text shows asleep next to this exiting task: the text does not say whose
/// child it is, but there is only one init.
const Reaper* reaper_beside(const WaitGraph& graph, const Task& task) {
  const bool alone = graph.reapers().size() == 1 && graph.snapshot().origin == Origin::text;
  if (!alone || exiting(task) != true || graph.reaper_over(task) != nullptr) return nullptr;
  const Reaper& reaper = graph.reapers().front();
  return graph.rests(reaper) ? &reaper : nullptr;
}

/// From the dying init over its namespace to the task, when the task is a member of one.
void add_reaper_links(Finding& finding, const WaitGraph& graph, const Task& task) {
  const Reaper* reaper = graph.reaper_over(task);
  if (reaper != nullptr) add_links(finding, graph, graph.way(*reaper->task, task));
}

/// The surest first; among equals the nearest to a container that does not end.
SiteHits sorted(const WaitGraph& graph, std::vector<Hit> hits) {
  std::stable_sort(hits.begin(), hits.end(), [&](const Hit& a, const Hit& b) {
    if (a.confidence != b.confidence) return a.confidence > b.confidence;
    return distance(graph, *a.task) < distance(graph, *b.task);
  });
  SiteHits out;
  out.confidence = hits.front().confidence;
  for (const Hit& hit : hits) out.tasks.push_back(hit.task);
  return out;
}

/// The one dying namespace that a text shows among these tasks; null when there is none, or several.
const Reaper* only_reaper(const WaitGraph& graph, const std::vector<Hit>& hits) {
  const Reaper* only = nullptr;
  for (const Hit& hit : hits) {
    const Reaper* reaper = graph.reaper_over(*hit.task);
    if (reaper == nullptr || reaper == only) continue;
    if (only != nullptr) return nullptr;
    only = reaper;
  }
  return only;
}

}  // namespace

std::optional<Confidence> weight(const WaitGraph& graph, const Task& task) {
  switch (graph.hold_of(task)) {
    case Hold::none:
    case Hold::instant: return std::nullopt;
    case Hold::pasted:
      return task.state.is('S') || task.state.is('T') || task.state.is('t') ? Confidence::possible
                                                                            : Confidence::likely;
    case Hold::lasting: break;
  }
  const Origin origin = graph.snapshot().origin;
  const bool reported = task.blocked_seconds || origin == Origin::text || origin == Origin::model;
  if (reported || graph.reported_hung(task) || graph.reaper_over(task) != nullptr) return Confidence::likely;
  if (killed_in_container(graph, task)) return Confidence::likely;
  if (exiting(task) == true) return Confidence::possible;
  return std::nullopt;
}

std::vector<Hit> site_hits(const WaitGraph& graph, CauseId cause) {
  std::vector<Hit> hits;
  for (const Task* task : graph.tasks()) {
    const WaitSite* site = graph.site_of(*task);
    if (site == nullptr || site->cause != cause) continue;
    const auto found = weight(graph, *task);
    if (!found) continue;
    const bool unsure = site->weak || only_by_prefix(*graph.stack_of(*task), *site);
    hits.push_back({task, unsure && !task->state ? at_most(*found, Confidence::possible) : *found});
  }
  return hits;
}

std::vector<SiteHits> per_jam(const WaitGraph& graph, const std::vector<Hit>& hits) {
  return per_jam(graph, hits, [](const Task&) { return std::string(); });
}

std::vector<SiteHits> per_jam(const WaitGraph& graph, const std::vector<Hit>& hits,
                              const std::function<std::string(const Task&)>& also) {
  const bool chosen = was_chosen(graph);
  const Reaper* only = chosen ? only_reaper(graph, hits) : nullptr;
  std::vector<std::vector<Hit>> groups;
  std::map<std::tuple<const Reaper*, std::string, std::string>, std::size_t> numbers;
  for (const Hit& hit : hits) {
    const Reaper* reaper = graph.reaper_over(*hit.task);
    if (reaper == nullptr) reaper = only;
    const std::string container = reaper == nullptr && !chosen ? hit.task->container.value_or("") : "";
    const auto [at, fresh] = numbers.try_emplace({reaper, container, also(*hit.task)}, groups.size());
    if (fresh) groups.emplace_back();
    groups[at->second].push_back(hit);
  }
  std::vector<SiteHits> out;
  for (std::vector<Hit>& group : groups) out.push_back(sorted(graph, std::move(group)));
  return out;
}

std::optional<SiteHits> one_jam(const WaitGraph& graph, const std::vector<Hit>& hits) {
  if (hits.empty()) return std::nullopt;
  return sorted(graph, hits);
}

bool killed_in_container(const WaitGraph& graph, const Task& task) {
  const bool contained = (task.ns_pids && task.ns_pids->size() >= 2) || task.container;
  return contained && kill_pending(task) && task.state.is('D') && graph.hold_of(task) == Hold::lasting;
}

Finding site_finding(const WaitGraph& graph, CauseId cause, const SiteHits& hits) {
  Finding finding;
  finding.cause = cause;
  finding.confidence = hits.confidence;
  const Task& first = *hits.tasks.front();
  const WaitSite* site = graph.site_of(first);
  finding.culprit = party(first, role_of(graph, first));
  finding.summary = fmt::format("{} wait{} for {}", some_of(hits.tasks), hits.tasks.size() == 1 ? "s" : "",
                                site != nullptr ? site->object.text(hits.tasks.size()) : "something");
  if (const Reaper* reaper = graph.reaper_over(first)) {
    finding.summary += fmt::format("; the dying init {} waits for it", reaper->task->label());
  } else if (exiting(first) == true) {
    finding.summary += ", on its way out: SIGKILL changes nothing any more";
  }
  add_reaper_links(finding, graph, first);
  if (const auto node = graph.node_of(first)) add_links(finding, graph, graph.out(*node));
  std::size_t cited = 0;
  for (const Task* task : hits.tasks) {
    if (cited++ < k_most_cited) cite(finding, graph, *task);
    add_victim(finding, *task, role_of(graph, *task));
  }
  if (const Reaper* reaper = reaper_beside(graph, first)) {
    const auto ids = cite(finding, graph, *reaper->task);
    finding.chain.insert(finding.chain.begin(),
                         {NodeRef::of(*reaper->task), NodeRef::of(first), Reason::exits_beside, true, ids});
    add_victim(finding, *reaper->task, Role::init_in_zap);
  }
  if (const Reaper* reaper = graph.reaper_over(first)) {
    cite(finding, graph, *reaper->task);
    if (reaper->task != &first) add_victim(finding, *reaper->task, Role::init_in_zap);
  }
  name_jam(finding, graph, graph.reaper_over(first));
  return finding;
}

Findings ask(const StackRule& rule, CauseId cause, const WaitGraph& graph) {
  std::vector<Hit> hits = site_hits(graph, cause);
  if (rule.choose != nullptr) rule.choose(graph, hits);
  std::vector<SiteHits> jams;
  if (!rule.one_lock)
    jams = per_jam(graph, hits);
  else if (auto all = one_jam(graph, hits))
    jams.push_back(std::move(*all));
  return findings_of(graph, jams, [&](const WaitGraph&, const SiteHits& jam) {
    Finding finding = site_finding(graph, cause, jam);
    finding.summary += rule.ending;
    for (const KernelEvent* event : graph.events())
      if (rule.reports == event->kind) cite(finding, *event);
    advise(finding);
    if (rule.refine != nullptr) rule.refine(finding, graph, jam);
    return finding;
  });
}

}  // namespace unzap
