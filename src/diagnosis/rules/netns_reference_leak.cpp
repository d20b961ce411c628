// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/netns_reference_leak.hpp"

#include <fmt/format.h>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {}  // namespace

Findings netns_reference_leak(const Picture& picture) {
  std::vector<const KernelEvent*> reports;
  for (const KernelEvent* event : picture.scene.events())
    if (event->kind == EventKind::netdevice_wait) reports.push_back(event);
  const auto hits = one_jam(picture, site_hits(picture, CauseId::netns_reference_leak));
  if (!hits && reports.empty()) return {};
  Finding finding;
  if (hits) {
    finding = site_finding(picture, CauseId::netns_reference_leak, *hits);
  } else {
    finding.cause = CauseId::netns_reference_leak;
    finding.summary = "a network device of a dead namespace cannot be freed";
    // One line may be a late socket; the kernel repeats it every ten seconds as long as it waits.
    const bool now = picture.scene.snapshot().origin != Origin::text;
    finding.confidence = now ? Confidence::possible : Confidence::likely;
  }
  if (!reports.empty())
    finding.summary += fmt::format("; the kernel waits for the last reference ({} message{})", reports.size(),
                                   reports.size() == 1 ? "" : "s");
  // The worker that takes namespaces down holds the lock that the others want, wherever the log shows it.
  for (const KernelEvent* event : picture.scene.events()) {
    if (!event->stack || !event->stack->has("cleanup_net") || !event->tid) continue;
    Party holder;
    holder.pid = holder.tid = *event->tid;
    holder.comm = event->comm.value_or("");
    holder.role = Role::cleans_up_net;
    finding.culprit = holder;
    if (hits) add_victim(finding, *hits->tasks.front(), Role::waits_for_cleanup_net);
    cite(finding, *event);
    break;
  }
  for (std::size_t at = 0; at < reports.size() && at < 3; ++at) cite(finding, *reports[at]);
  if (finding.chain.empty() && !finding.evidence.empty()) {
    Link link{NodeKind::cleanup_net, NodeKind::net_device_reference};
    link.evidence = {finding.evidence[0].id};
    finding.chain.push_back(std::move(link));
  }
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
