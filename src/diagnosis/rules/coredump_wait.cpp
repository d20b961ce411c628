// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/coredump_wait.hpp"

#include <set>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

namespace {

/// Those that wait at a known place, and those that are dumping: since 6.12 (and 6.1.175) parked threads
/// sleep in state I, and a dumper that writes may show any state.
std::vector<Hit> dumping(const WaitGraph& graph) {
  std::vector<Hit> hits = site_hits(graph, CauseId::coredump_wait);
  std::set<const Task*> known;
  for (const Hit& hit : hits) known.insert(hit.task);
  const bool chosen = was_chosen(graph);
  for (const Task* task : graph.tasks()) {
    if (!task->core_dumping.is(true) || zombie(*task) || known.contains(task)) continue;
    // A dump in progress is normal life, unless a dying namespace waits for it.
    if (!chosen && graph.reaper_over(*task) == nullptr) continue;
    hits.push_back({task, chosen ? Confidence::likely : Confidence::possible});
  }
  return hits;
}

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::coredump_wait, hits);
  if (graph.site_of(*hits.tasks.front()) == nullptr)
    finding.summary = some_of(hits.tasks) + " is writing a core dump (CoreDumping: 1)";
  advise(finding);
  return finding;
}

}  // namespace

Findings coredump_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, dumping(graph)), make);
}

}  // namespace unzap
