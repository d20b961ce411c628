// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `coredump-wait`: a process is writing a core dump; its threads are parked until that ends, and whoever
/// reads the dump (the core_pattern helper) may be slow or stuck.
Findings coredump_wait(const WaitGraph& graph);

}  // namespace unzap
