// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"

namespace unzap::text {

/// A path below /proc of a task that stands somewhere in a line.
struct ProcPath {
  Reading<std::int32_t> pid;  ///< the number after /proc/; absent: a pattern (*, $pid, <pid>)
  Reading<std::int32_t> tid;  ///< the number after task/; absent when there is none or it is a pattern
  bool in_task = false;       ///< has a part "task/<tid or pattern>"
  std::string_view file;      ///< "stack", "ns/pid", "task"; empty: the folder itself
  std::size_t begin = 0;      ///< where it stands in the line
  std::size_t end = 0;
};
/// The first such path at or after `from`.
std::optional<ProcPath> parse_proc_path(std::string_view line, std::size_t from = 0);

/// A file of a freezer or cgroup that stands somewhere in a line.
struct CgroupPath {
  std::string_view cgroup;  ///< "/test": without the mount point and the file
  std::string_view file;    ///< "cgroup.freeze", "cgroup.events", "freezer.state", "cgroup.procs", ...
  std::int32_t version = 2;
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::optional<CgroupPath> parse_cgroup_path(std::string_view line);

/// The command of a line with a shell prompt ("root@host:~# cat x"), or that begins with a well-known
/// command. `prompt` is what stands before it.
struct CommandLine {
  std::string_view prompt;
  std::string_view command;
};
std::optional<CommandLine> parse_command_line(std::string_view text);

}  // namespace unzap::text
