// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/block_io_wait.hpp"

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

namespace {

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, "block-io-wait", hits);
  finding.refuted_by = {
      "the device completes requests (the counters in /sys/block/*/stat move and in_flight falls)",
      "the task's stack is another one a minute later: slow, not stuck",
  };
  finding.next_evidence = {
      "for d in /sys/block/*; do echo $d $(cat $d/inflight) $(cat $d/stat); done; sleep 5; repeat and "
      "compare",
      "for i in /proc/[0-9]*/task/*; do grep -qE '^[0-9]+ .* D ' $i/stat && echo $i $(cat $i/comm) && cat "
      "$i/stack; done",
      "dmesg | grep -iE 'I/O error|timeout|reset|blk_update|EXT4-fs|XFS|nvme|ata[0-9]|md/|raid' | tail -40",
      "cat /proc/mdstat; dmsetup info -c; losetup -a",
      "grep -H . /sys/kernel/debug/block/*/state 2>/dev/null | head",
  };
  finding.remedies = {
      {"device-back", "Bring the device or its server back (path, array member, nbd or iSCSI target)",
       "none"},
      {"free-journal",
       "If a journal waits for one task, free what that task waits for (it is the one that holds a handle "
       "and waits for something else)",
       "depends on what it is"},
      {"thaw", "If the file system is frozen: fsfreeze -u MOUNTPOINT",
       "a snapshot in progress becomes inconsistent"},
      {"reboot",
       "Reboot; if the device does not answer, sync and unmount will hang: use the platform's reset",
       "ends everything on the node; data not yet written is lost"},
  };
  finding.references.push_back(
      "Documentation/admin-guide/iostats.rst (kernel tree): the fields of /sys/block/*/stat");
  return finding;
}

}  // namespace

Findings block_io_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, "block-io-wait")), make);
}

}  // namespace unzap
