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
  finding.refuted_by = {
      "head -c1 /proc/<pid>/cmdline returns at once (run it with timeout 2, in the background)",
      "the address space shrinks from look to look (VmRSS of /proc/<pid>/status): a big process, slow, not "
      "stuck",
  };
  finding.next_evidence = {
      "for t in /proc/<pid>/task/*; do echo $t; cat $t/comm $t/stack; done   # another thread holds the lock",
      "cat /proc/<pid>/cgroup; then memory.events, memory.high, memory.max of that cgroup (v1: "
      "memory.oom_control)",
      "timeout 2 head -c1 /proc/<pid>/cmdline; echo $?   # 124: the lock is held",
      "dmesg | grep -iE 'oom|memory cgroup|BUG: Bad|page allocation' | tail",
  };
  finding.remedies = {
      {"do-not-look",
       "Keep ps, top and agents away from it: each reader of cmdline, environ or maps hangs as well", "none"},
      {"raise-limit",
       "If its memory cgroup is full and the OOM killer is off (v1: oom_kill_disable 1), raise the limit or "
       "echo 0 > memory.oom_control",
       "the node's memory; a kill inside the cgroup"},
      {"free-holder",
       "Free the thread of the process that holds the lock: it waits for something else (disk, server, "
       "userfaultfd handler)",
       "depends on what it is"},
      {"reboot", "Reboot when nobody holds the lock any more", "ends everything on the node"},
  };
  finding.references.push_back("Documentation/admin-guide/cgroup-v1/memory.rst (kernel tree): oom_control");
  return finding;
}

}  // namespace

Findings mm_lock_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, held(graph)), make);
}

}  // namespace unzap
