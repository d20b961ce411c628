// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"

namespace unzap {

/// Reads what people paste, in any mix: kernel log with any usual prefix, soft lockup, RCU stall and hung
/// task reports with their traces, /proc/<pid>/{stack,status,stat,wchan,syscall} files, `ps` and `ls
/// /proc/<pid>/task` listings, mail-quoted or line-wrapped. Never fails: what it does not understand becomes
/// a Problem with its line. `label` names the input in evidence ("capture.txt" gives "capture.txt:17").
Snapshot read_text(std::string_view text, const std::string& label);

}  // namespace unzap
