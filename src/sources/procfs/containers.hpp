// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "snapshot/container.hpp"
#include "sources/procfs/procfs_source.hpp"

namespace unzap {

/// A process of a container, by its cgroup.
struct ContainedProcess {
  std::int32_t pid = 0;
  Container container;
};

/// The processes of this host that a cgroup puts into a container or a pod, with what their cgroup says.
struct Containers {
  std::vector<ContainedProcess> processes;
  bool complete = true;  ///< every process that is listed could be asked
};
Result<Containers> containers_of_host(const ProcfsOptions& options);

}  // namespace unzap
