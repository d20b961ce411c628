// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/cgroup_lock.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

Findings cgroup_lock(const WaitGraph& graph) {
  const auto hits = one_jam(graph, site_hits(graph, CauseId::cgroup_lock));
  if (!hits) return {};
  Finding finding = site_finding(graph, CauseId::cgroup_lock, *hits);
  finding.summary += "; the holder is not on these stacks";
  for (const KernelEvent* event : graph.events())
    if (event->kind == EventKind::workqueue_lockup) cite(finding, *event);
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
