// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/fuse_request.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// SIGKILL reached the process, but not this thread: it was past exit_signals() when it came.
bool kill_cannot_reach(const Task& task) {
  return task.pending_shared && (*task.pending_shared & signal_bit(9)) != 0 && task.pending_private &&
         (*task.pending_private & signal_bit(9)) == 0;
}

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::fuse_request, hits);
  for (const Task* task : hits.tasks)
    if (exiting(*task) == true && kill_cannot_reach(*task)) {
      finding.summary += "; SIGKILL is pending for its process only, so even a killable wait is not woken";
      break;
    }
  advise(finding);
  return finding;
}

}  // namespace

Findings fuse_request(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, CauseId::fuse_request)), make);
}

}  // namespace unzap
