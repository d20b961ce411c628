// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/coredump_wait.hpp"

#include <algorithm>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

Findings coredump_wait(const WaitGraph& graph) {
  SiteHits hits;
  if (auto known = site_hits(graph, "coredump-wait")) hits = std::move(*known);
  // Since 6.12 (and 6.1.175) parked threads sleep in state I, and a dumper that writes may show any state.
  for (const Task* task : graph.tasks()) {
    if (!task->core_dumping.is(true) || zombie(*task)) continue;
    const bool dying = graph.reaper_over(*task) != nullptr;
    const bool chosen = graph.snapshot().origin == Origin::text || graph.snapshot().origin == Origin::model;
    if (!dying && !chosen) continue;  // a dump in progress is normal life
    if (std::find(hits.tasks.begin(), hits.tasks.end(), task) != hits.tasks.end()) continue;
    hits.tasks.push_back(task);
    if (chosen) hits.confidence = std::max(hits.confidence, Confidence::likely);
  }
  if (hits.tasks.empty()) return {};
  Finding finding = site_finding(graph, "coredump-wait", hits);
  if (graph.site_of(*hits.tasks.front()) == nullptr)
    finding.summary = some_of(hits.tasks) + " is writing a core dump (CoreDumping: 1)";
  finding.refuted_by = {
      "the core file grows, or the helper of core_pattern uses CPU: a big dump, not a stuck one"};
  finding.next_evidence = {
      "cat /proc/sys/kernel/core_pattern",
      "grep -H -E 'State|CoreDumping|SigPnd' /proc/<pid>/task/*/status",
      "for t in /proc/<pid>/task/*; do echo $t; cat $t/comm $t/stack; done   # the dumper is the one not "
      "parked",
      "ps -eo pid,stat,wchan:30,comm | grep -E 'systemd-coredum|apport|abrt'",
  };
  finding.remedies = {
      {"end-helper", "If the helper of core_pattern hangs, kill it: the dump then ends with a broken pipe",
       "the core dump is lost"},
      {"kill-dumper",
       "kill -9 the dumping process: since 5.10 only SIGKILL and the freezers interrupt a dump",
       "the core dump is lost"},
      {"no-dumps", "Keep dumps out of containers that must end fast: ulimit -c 0", "no core dumps"},
  };
  finding.references.push_back(
      "core(5); fs/coredump.c: coredump_wait(), kernel/exit.c: coredump_task_exit()");
  return {std::move(finding)};
}

}  // namespace unzap
