// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"
#include "snapshot/stack.hpp"
#include "snapshot/task.hpp"
#include "sources/text/proc_parse.hpp"

namespace unzap {

/// A stat line of a live kernel: nothing when one of the fields that are used is missing. Views into `text`.
/// Times are of this thread, in clock ticks.
std::optional<text::StatLine> parse_stat(std::string_view text);

/// What /proc/<pid>/task/<tid>/status says, into the fields of `task` that it carries; `switches` is set to
/// the sum of both kinds of context switches. False, and nothing changed, when the text is no status file (no
/// State line).
bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches);

/// The text of a stack file; nothing when a line that is not blank is no frame.
std::optional<Stack> parse_stack_file(std::string_view text, std::string where);

/// Paths out of /proc/<pid>/cgroup; empty when the hierarchy is not there.
struct CgroupPaths {
  std::string unified;  ///< "0::/path"
  std::string freezer;  ///< v1
  std::string systemd;  ///< v1 name=systemd

  /// The one that says most: the first that is not the root, else "/", else empty.
  const std::string& best() const;
  bool operator==(const CgroupPaths&) const = default;
};
CgroupPaths parse_cgroup(std::string_view text);

/// The inode in "pid:[4026531836]".
std::optional<std::uint64_t> parse_namespace_link(std::string_view text);

/// How many CPUs are online, by the "cpuN" lines of /proc/stat.
std::optional<std::int32_t> count_cpus(std::string_view stat);

}  // namespace unzap
