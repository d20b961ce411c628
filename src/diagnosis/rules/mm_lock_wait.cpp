// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/mm_lock_wait.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

Findings mm_lock_wait(const WaitGraph& graph) {
  const auto hits = site_hits(graph, "mm-lock-wait");
  if (!hits) return {};
  Finding finding = site_finding(graph, "mm-lock-wait", *hits);
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
  return {std::move(finding)};
}

}  // namespace unzap
