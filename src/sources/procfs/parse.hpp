// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"
#include "snapshot/stack.hpp"
#include "snapshot/task.hpp"

namespace unzap {

/// What /proc/<pid>/task/<tid>/stat says (proc(5)). Times are of this thread, in clock ticks.
struct StatLine {
  std::int32_t tid = 0;
  std::string comm;  ///< may hold anything, blanks and ')' too
  char state = '?';
  std::int32_t ppid = 0;
  std::uint64_t flags = 0;  ///< PF_*
  std::uint64_t utime_ticks = 0;
  std::uint64_t stime_ticks = 0;
  std::int32_t threads = 0;  ///< of its process
  std::uint64_t start_ticks = 0;
  std::uint64_t pending_low = 0;  ///< private pending signals 1 to 31
  std::int32_t processor = 0;

  bool operator==(const StatLine&) const = default;
};

/// Nothing when the text is no complete stat line up to the field `processor`.
std::optional<StatLine> parse_stat(std::string_view text);

/// What /proc/<pid>/task/<tid>/status says, into the fields of `task` that it carries; `switches` is set to
/// the sum of both kinds of context switches. False, and nothing changed, when the text is no status file (no
/// State line).
bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches);

/// One line of a stack file: "[<0>] f+0x1/0x2 [module]". The address is not looked at.
std::optional<Frame> parse_stack_line(std::string_view line);

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

/// The container id in a cgroup path: 64 hex digits as docker, containerd, cri-o and podman write it. Empty:
/// none.
std::string container_id(std::string_view cgroup_path);

/// The inode in "pid:[4026531836]".
std::optional<std::uint64_t> parse_namespace_link(std::string_view text);

/// How many CPUs are online, by the "cpuN" lines of /proc/stat.
std::optional<std::int32_t> count_cpus(std::string_view stat);

/// What a version string (uname -v) and, of a PREEMPT_DYNAMIC kernel, the text of sched/preempt in debugfs
/// say. Absent when neither states it.
Reading<Preemption> parse_preemption(std::string_view version, std::string_view sched_preempt);

/// Records of /dev/kmsg as the lines that dmesg would print.
std::string kmsg_to_lines(std::string_view records);

}  // namespace unzap
