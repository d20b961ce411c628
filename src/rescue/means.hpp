// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/finding.hpp"
#include "rescue/freezer_view.hpp"
#include "rescue/fuse_view.hpp"
#include "snapshot/reading.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// What this host lets one do, and what one has at hand. Read once, before the plan.
struct Means {
  bool root = false;            ///< effective user 0
  std::string release;          ///< uname -r
  Reading<bool> takes_modules;  ///< the kernel loads modules, and kernel.modules_disabled is 0
  Reading<std::string>
      lockdown;  ///< "none", "integrity", "confidentiality"; absent: this kernel has no lockdown
  Reading<bool> needs_signature;  ///< module.sig_enforce, or Secure Boot is on
  bool secure_boot = false;
  std::string headers;  ///< /lib/modules/RELEASE/build when a module can be built there, else empty
  bool make = false;    ///< `make` and `gcc` are there
  std::string module;   ///< --module FILE
  /// --allow-host-process: a signal may go to a process on which others depend.
  bool allow_host_process = false;
  bool thaw_others = false;  ///< --thaw-others: those of a cgroup that nobody has killed may run again
  std::vector<FreezerView> freezers;  ///< of the culprits of frozen-cgroup; see look_at_targets
  std::optional<FuseView> fuse;  ///< for the culprits and victims of fuse-request; nothing: nobody looked

  bool operator==(const Means&) const = default;
};

/// Looks at this host. Reads below /proc/sys, /sys and /lib/modules only, and writes nothing.
/// `module`: a prebuilt unzap_rescue.ko, or empty.
Means look_at_means(const std::string& module);

/// Looks closer at what holds the tasks of these findings, into `means`: who else is frozen with them, which
/// FUSE connection they wait for. Of a host that `snapshot` shows live only; takes at most some seconds, for
/// what may block is read by helpers. Reads below /proc, /sys/fs/cgroup and /sys/fs/fuse.
void look_at_targets(const Diagnosis& diagnosis, const Snapshot& snapshot, const HostPlaces& places,
                     Means& means);

}  // namespace unzap
