// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/mm_lock_wait.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

namespace {

/// The first report that a read of this task's address space hangs, or null.
const KernelEvent* hanging_read(const WaitGraph& graph, const SiteHits& hits) {
  for (const KernelEvent* event : graph.events()) {
    if (event->kind != EventKind::read_hangs) continue;
    const Task* owner = event->tid ? graph.index().by_tid(*event->tid) : nullptr;
    if (owner == nullptr || std::find(hits.tasks.begin(), hits.tasks.end(), owner) != hits.tasks.end())
      return event;
  }
  return nullptr;
}

std::vector<Hit> held(const WaitGraph& graph) {
  std::vector<Hit> hits = site_hits(graph, CauseId::mm_lock_wait);
  std::set<const Task*> known;
  for (const Hit& hit : hits) known.insert(hit.task);
  for (const KernelEvent* event : graph.events()) {
    if (event->kind != EventKind::read_hangs) continue;
    const Task* owner = event->tid ? graph.index().by_tid(*event->tid) : nullptr;
    if (owner != nullptr && known.insert(owner).second) hits.push_back({owner, Confidence::likely});
  }
  return hits;
}

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  const KernelEvent* hang = hanging_read(graph, hits);
  Finding finding = site_finding(graph, CauseId::mm_lock_wait, hits);
  if (hang != nullptr) {
    cite(finding, *hang);
    if (graph.site_of(*hits.tasks.front()) == nullptr) {
      finding.summary = fmt::format("the mmap lock of {} is held, and not by a reader: {}",
                                    some_of(hits.tasks), hang->text);
      finding.culprit->role = Role::mmap_lock_held;
      Link link{NodeKind::cmdline_reader, NodeRef::mmap_lock_of(*hits.tasks.front())};
      link.evidence = {finding.evidence.back().id};
      finding.chain.push_back(std::move(link));
    }
  }
  advise(finding);
  return finding;
}

}  // namespace

Findings mm_lock_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, held(graph)), make);
}

}  // namespace unzap
