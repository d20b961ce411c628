// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `cgroup-lock`: tasks or kernel workers wait for cgroup_mutex, for cgroups that are being destroyed, or for
/// a migration (threadgroup rwsem). The holder is not on their stacks: all that wait are listed.
Findings cgroup_lock(const WaitGraph& graph);

}  // namespace unzap
