// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"

namespace unzap {

/// Adds what the kernel log (records of /dev/kmsg, see kernel_messages) says to a live snapshot: its reports,
/// and their backtraces to the tasks that have no stack of their own. A log goes back to the boot, a snapshot
/// speaks of now: a report about a task that is gone is left out, and so is one older than ten minutes at
/// `now_seconds` (of printk's clock) unless its task still is in D or exiting. They are counted in a Problem.
void merge_kernel_log(std::string_view log, const std::string& label, double now_seconds, Snapshot& snapshot);

}  // namespace unzap
