// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/netns_reference_leak.hpp"

#include <fmt/format.h>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

void advise(Finding& finding) {
  finding.refuted_by = {
      "the message does not come again within a minute: the last reference went late, but it went",
      "ip netns add probe && ip netns del probe return at once",
  };
  finding.next_evidence = {
      "dmesg -T | grep 'waiting for .* to become free' | tail -3   # device, usage count, ref_tracker lines "
      "(5.17+)",
      "for i in /proc/[0-9]*/task/*; do grep -qE 'copy_net_ns|cleanup_net|netdev_wait_allrefs' $i/stack "
      "2>/dev/null && "
      "echo $i && cat $i/comm $i/stack; done",
      "lsns -t net; ls -l /proc/[0-9]*/ns/net 2>/dev/null | awk '{print $NF}' | sort | uniq -c | sort -n | "
      "tail",
  };
  finding.remedies = {
      {"find-user",
       "Look for what may hold the device: sockets in TIME_WAIT with long timers, NFS or CIFS mounts made in "
       "the namespace, IPv6 routes, tunnels",
       "none"},
      {"wait", "Wait for some minutes: late sockets let go by themselves", "none"},
      {"no-new-netns",
       "Meanwhile start containers with host networking only: every new network namespace waits behind it",
       "less isolation"},
      {"reboot", "Reboot: a leaked reference does not come back", "ends everything on the node"},
      {"upgrade-kernel",
       "Upgrade: each known leak has its own fix; CONFIG_NET_DEV_REFCNT_TRACKER (5.17) names the one "
       "who took the reference",
       "a reboot"},
  };
}

}  // namespace

Findings netns_reference_leak(const WaitGraph& graph) {
  std::vector<const KernelEvent*> reports;
  for (const KernelEvent* event : graph.events())
    if (event->kind == EventKind::netdevice_wait) reports.push_back(event);
  const auto hits = one_jam(graph, site_hits(graph, CauseId::netns_reference_leak));
  if (!hits && reports.empty()) return {};
  Finding finding;
  if (hits) {
    finding = site_finding(graph, CauseId::netns_reference_leak, *hits);
  } else {
    finding.cause = CauseId::netns_reference_leak;
    finding.summary = "a network device of a dead namespace cannot be freed";
    finding.references = {"docs/causes/netns-reference-leak.md"};
    // One line may be a late socket; the kernel repeats it every ten seconds as long as it waits.
    const bool now = graph.snapshot().origin != Origin::text;
    finding.confidence = now ? Confidence::possible : Confidence::likely;
  }
  if (!reports.empty())
    finding.summary += fmt::format("; the kernel waits for the last reference ({} message{})", reports.size(),
                                   reports.size() == 1 ? "" : "s");
  // The worker that takes namespaces down holds the lock that the others want, wherever the log shows it.
  for (const KernelEvent* event : graph.events()) {
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
