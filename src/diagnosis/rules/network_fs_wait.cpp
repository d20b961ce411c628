// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/network_fs_wait.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

namespace {

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::network_fs_wait, hits);
  advise(finding);
  return finding;
}

}  // namespace

Findings network_fs_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, CauseId::network_fs_wait)), make);
}

}  // namespace unzap
