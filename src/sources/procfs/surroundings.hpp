// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "snapshot/snapshot.hpp"
#include "sources/procfs/parse.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Name, kernel and CPUs as the procfs says. `real` is true when the root is this machine's /proc: only then
/// do /sys and /dev speak of the same machine.
Host read_host(Reader& reader, bool real);

/// The freezers of these cgroups (keyed by the path that Task::cgroup carries), v2 and v1. A cgroup for which
/// there is no freezer file at all is left out.
std::vector<CgroupState> read_freezers(Reader& reader, const std::map<std::string, CgroupPaths>& cgroups);

}  // namespace unzap
