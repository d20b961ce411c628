// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "diagnosis/finding.hpp"
#include "snapshot/container.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// A process of a container runtime that holds a container: a shim, a conmon, a runc in the foreground.
struct RuntimeProcess {
  const Task* task = nullptr;  ///< its leader
  Container container;         ///< by the folder it works in; all empty when that tells nothing
};

/// The nearest such process above `task` by parents. It has to live outside of every container, in the pid
/// namespace of whoever looked: names and folders of others are their own word. Nothing: none is shown.
std::optional<RuntimeProcess> runtime_over(const TaskIndex& index, const Task& task);

/// A process in the pid namespace of whoever looked, and in no cgroup of a container. False where that is not
/// known.
bool outside_containers(const Task& task);

/// The container of `task`: by its cgroup, and by the runtime's process above it, which counts more.
ContainerRef container_ref(const TaskIndex& index, const Task& task);

/// Fills in whose container the finding is about: the reaper's, else a victim's, else the culprit's; and adds
/// what to tell its runtime, once the cause is out of the way.
void name_container(Finding& finding, const TaskIndex& index);

}  // namespace unzap
