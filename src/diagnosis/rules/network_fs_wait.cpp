// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/network_fs_wait.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

namespace {

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::network_fs_wait, hits);
  finding.refuted_by = {
      "the server answers others on this node (a fresh access to the same export returns)",
      "the task's stack is another one a minute later",
  };
  finding.next_evidence = {
      "dmesg | grep -iE 'nfs: server|not responding|CIFS|ceph|9p'",
      "grep -E ' nfs4? | cifs | ceph | 9p ' /proc/self/mountinfo",
      "nfsstat -c; cat /proc/self/mountstats | grep -A3 -i 'device .* fstype nfs'   # may hang with the "
      "mount",
      "ss -tn '( dport = :2049 or dport = :445 or dport = :6789 )'",
  };
  finding.remedies = {
      {"server-back", "Bring the server or the network to it back: the tasks go on by themselves", "none"},
      {"force-unmount", "umount -f MOUNTPOINT: outstanding NFS calls fail with EIO and the tasks come out",
       "applications see EIO; data not yet written is lost"},
      {"lazy-unmount", "umount -l MOUNTPOINT so that nobody new runs into it",
       "the mount goes on in the background"},
      {"mount-options", "For the next time: softerr (or soft) and timeo/retrans for mounts that pods use",
       "soft mounts may give EIO to writers"},
      {"reboot", "Reboot; unmounting on the way down may hang as well: use the platform's reset",
       "ends everything on the node"},
  };
  finding.references.push_back("nfs(5), umount(8)");
  return finding;
}

}  // namespace

Findings network_fs_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, CauseId::network_fs_wait)), make);
}

}  // namespace unzap
