// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/soft_lockup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace unzap {

namespace {

bool stopped(const KernelEvent* event) {
  return event->stack && in_stop_machine(*event->stack);
}

/// The reports of CPUs that nothing else explains.
std::vector<const KernelEvent*> unexplained(const WaitGraph& graph) {
  std::vector<const KernelEvent*> events;
  bool reaper_spins = false;
  for (const KernelEvent* event : graph.events()) {
    if (event->kind != EventKind::soft_lockup && event->kind != EventKind::hard_lockup) continue;
    const bool of_reaper =
        std::any_of(graph.reapers().begin(), graph.reapers().end(), [&](const Reaper& reaper) {
          return std::find(reaper.lockups.begin(), reaper.lockups.end(), event) != reaper.lockups.end();
        });
    if (!of_reaper) events.push_back(event);
    reaper_spins |= of_reaper;
  }
  // In stop_machine() a CPU waits for the one that does not come, if that one is reported too.
  if (reaper_spins || !std::all_of(events.begin(), events.end(), stopped)) std::erase_if(events, stopped);
  return events;
}

}  // namespace

Findings soft_lockup(const WaitGraph& graph) {
  const std::vector<const KernelEvent*> events = unexplained(graph);
  if (events.empty()) return {};
  const KernelEvent& first = *events.front();
  const Task* task = graph.task_of(first);
  const bool now = graph.snapshot().origin == Origin::live || graph.snapshot().origin == Origin::bundle;
  Finding finding;
  finding.cause = "soft-lockup";
  finding.confidence = now ? Confidence::possible : Confidence::likely;
  const std::string who = task != nullptr ? task->label() : "a task";
  finding.summary = fmt::format(
      "{} held a CPU without coming to schedule(); it is no dying init, and no container teardown "
      "is shown to hang on it",
      who);
  if (task != nullptr) finding.culprit = party(*task, "holds a CPU");
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < events.size() && at < 5; ++at) {
    ids = cite(finding, *events[at]);
    if (const Task* other = graph.task_of(*events[at])) add_victim(finding, *other, "holds a CPU");
  }
  finding.chain.push_back({who, "nobody: it runs", {finding.evidence.front().id}});
  finding.refuted_by = {"zap_pid_ns_processes is on its stack: then it is reaper-busy-loop"};
  finding.next_evidence = {
      "the whole report, stack included: dmesg | grep -A60 'soft lockup'",
      "who waits behind it: for i in /proc/[0-9]*/task/*; do grep -qE 'synchronize_rcu|exp_funnel_lock' "
      "$i/stack "
      "2>/dev/null && echo $i; done",
  };
  finding.remedies = {
      {"read-stack", "Read the stack of the report: the function that loops names the subsystem", "none"},
      {"reboot", "Reboot when it repeats with a growing time", "ends everything on the node"}};
  finding.references = {"docs/causes/soft-lockup.md",
                        "Documentation/admin-guide/lockup-watchdogs.rst (kernel tree)"};
  return {std::move(finding)};
}

}  // namespace unzap
