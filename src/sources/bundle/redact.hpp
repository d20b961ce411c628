// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshot/snapshot.hpp"

namespace unzap {

/// The snapshot without the names that belong to its owner, for a bundle that leaves the house. Masked are
/// the host's name, names of tasks, container ids, cgroup paths part by part, and in the text of reports
/// whatever of these stands there, other absolute paths, and long hexadecimal ids. The same name has the same
/// mask everywhere in the snapshot, so that the diagnosis stays what it is.
///
/// Kept are names that the kernel gives (io_uring's threads, kernel threads) and those of container shims,
/// numbers, kernel functions and modules, paths below /proc and /dev.
Snapshot redacted(Snapshot snapshot);

}  // namespace unzap
