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
  return finding;
}

}  // namespace

Findings coredump_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, dumping(graph)), make);
}

}  // namespace unzap
