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
  finding.refuted_by = {
      "the task has left request_wait_answer() a few seconds later: the server is slow, not stuck",
      "/sys/fs/fuse/connections/*/waiting is 0 everywhere",
  };
  finding.next_evidence = {
      "grep . /sys/fs/fuse/connections/*/waiting",
      "grep fuse /proc/self/mountinfo   # the minor number of 0:N is the connection's number",
      "ps -eo pid,ppid,stat,wchan:30,comm | grep -iE 'fuse|rclone|s3fs|sshfs|gluster|lxcfs'",
      "grep -E 'SigPnd|ShdPnd|NSpid' /proc/<pid>/task/*/status",
  };
  finding.remedies = {
      {"restart-server", "If the server still runs, make it answer: continue or restart it",
       "its other mounts"},
      {"abort-connection",
       "Abort the connection: echo 1 > /sys/fs/fuse/connections/N/abort (N of the mount that is stuck)",
       "everybody on that mount gets ENOTCONN; data that the server has not written is lost; cannot be "
       "undone"},
      {"lazy-unmount", "umount -l the mount in each namespace that has it, then abort", "as above"},
      {"reboot", "Reboot if the connection is not listed any more", "ends everything on the node"},
  };
  finding.references.push_back(
      "Documentation/filesystems/fuse.rst (kernel tree): aborting a filesystem connection");
  finding.references.push_back(
      "commit 91ec6c85599b (6.6) took back the fix for a flush inside a dying pid namespace (5a8bee63b10f)");
  return finding;
}

}  // namespace

Findings fuse_request(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, CauseId::fuse_request)), make);
}

}  // namespace unzap
