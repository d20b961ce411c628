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
  finding.refuted_by = {
      "cat /proc/self/cgroup and mkdir in the cgroup file system return at once",
      "the number of dying descendants in cgroup.stat falls",
  };
  finding.next_evidence = {
      "for i in /proc/[0-9]*/task/*; do grep -lE 'cgroup|cpuset|css_|cpu_hotplug|cpus_read_lock' $i/stack "
      "2>/dev/null; "
      "done | while read f; do echo $f; cat $f; done",
      "cat /sys/fs/cgroup/cgroup.stat   # nr_dying_descendants",
      "who holds it: echo w > /proc/sysrq-trigger; echo d > /proc/sysrq-trigger; dmesg | tail -300   # d "
      "needs lockdep",
      "dmesg | grep -E 'workqueue lockup|blocked for more' | tail",
  };
  finding.remedies = {
      {"stop-creating",
       "Stop what creates and removes cgroups or changes cpusets on the node (kubelet, systemd units)",
       "no pod starts or ends meanwhile"},
      {"free-holder",
       "Free the task that holds the lock: look for the one with a cgroup function further out and "
       "another wait innermost (CPU hotplug, memory reclaim, a disk)",
       "depends on what it is"},
      {"reboot", "Reboot: a lock whose holder cannot go on is not given back", "ends everything on the node"},
  };
  finding.references.push_back("Documentation/admin-guide/cgroup-v2.rst (kernel tree): cgroup.stat");
  return {std::move(finding)};
}

}  // namespace unzap
