// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `mm-lock-wait`: a task waits for the mmap lock or a memory cgroup, or cannot take its address space down.
/// Whoever reads its /proc/<pid>/cmdline, environ or maps would hang, too.
Findings mm_lock_wait(const WaitGraph& graph);

}  // namespace unzap
