// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/oom_kill.hpp"

#include <fmt/format.h>

namespace unzap {

Findings oom_kill(const Picture& picture) {
  std::vector<const KernelEvent*> events;
  for (const KernelEvent* event : picture.scene.events())
    if (event->kind == EventKind::oom_kill) events.push_back(event);
  if (events.empty()) return {};
  const bool now =
      picture.scene.snapshot().origin == Origin::live || picture.scene.snapshot().origin == Origin::bundle;
  Finding finding;
  finding.cause = CauseId::oom_kill;
  finding.confidence = now ? Confidence::possible : Confidence::likely;
  finding.summary =
      fmt::format("the kernel killed {} for want of memory; that ends a process, it keeps none from ending",
                  events.size() == 1 ? "a process" : fmt::format("{} processes", events.size()));
  for (std::size_t at = 0; at < events.size() && at < 5; ++at) {
    const KernelEvent& event = *events[at];
    finding.add_evidence(event.where, event.text);
    if (event.tid || event.comm) {
      Party victim;
      if (event.tid) victim.pid = victim.tid = *event.tid;
      victim.comm = event.comm.value_or("");
      victim.role = Role::killed_by_oom;
      finding.victims.push_back(std::move(victim));
    }
  }
  finding.chain.push_back({NodeKind::oom_killer, NodeKind::nobody, {}, false, {finding.evidence.front().id}});
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
