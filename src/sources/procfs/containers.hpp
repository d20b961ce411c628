// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshot/snapshot.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// The cgroup of every process, kernel threads left out, and the container that it names, into the leaders
/// that do not have it yet: for those who look for a container by its id.
void read_containers(Reader& reader, Snapshot& snapshot);

/// What a cgroup file says into a task that does not have it yet.
void take_cgroup(const ReadResult& answer, Task& task);

}  // namespace unzap
