// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// How to look at a host.
struct ProcfsOptions {
  std::string root = "/proc";  ///< --path.procfs
  /// From the first look to the last at a task that may be stuck. Looks are no longer apart than what was
  /// found asks for: a host on which nothing waits, ends or runs is looked at once.
  double sample_seconds = 0.3;
  bool trouble = true;                  ///< a closer look at what may be stuck, and the kernel log
  bool containers = false;              ///< the cgroup of every process: see read_containers()
  bool rings = false;                   ///< containers, and who of them uses io_uring: see read_rings()
  bool include_self = false;            ///< this process is among what is looked at
  double read_timeout_seconds = 1.0;    ///< for one file; then the reading is timed_out
  double total_timeout_seconds = 10.0;  ///< for everything; what is left is timed_out
  std::function<void(const std::string&)>
      progress;  ///< called with one line at most every 0.2 s; may be empty
};

/// All threads of all processes below `options.root`. Fails only when the root is not a procfs at all.
/// Reads of no process cmdline, environ, maps, smaps or exe, and touches no file system of a container.
Result<Snapshot> read_procfs(const ProcfsOptions& options);

}  // namespace unzap
