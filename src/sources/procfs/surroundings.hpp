// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "linux/cgroup.hpp"
#include "snapshot/snapshot.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Name, kernel and CPUs as the procfs says. `real` is true when the root is this machine's /proc: only then
/// do /sys and /dev speak of the same machine.
Host read_host(Reader& reader, bool real);

/// The freezers of these cgroups (keyed by the path that Task::cgroup carries) and of all above them, v2 and
/// v1. A cgroup's own entry has its key as `path` and says whether it is frozen, by whomever; that of one
/// above has its path in its own hierarchy. A cgroup for which there is no freezer file at all is left out.
/// `mount`: where cgroups are mounted.
std::vector<CgroupState> read_freezers(Reader& reader, const std::map<std::string, CgroupPaths>& cgroups,
                                       const std::string& mount = "/sys/fs/cgroup");

/// The folder of a freezer, out of CgroupState::where.
std::string folder_of(const CgroupState& state);

}  // namespace unzap
