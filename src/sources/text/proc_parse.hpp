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

/// /proc/<pid>/stat, from the number to as far as it goes; comm may hold blanks and parentheses.
struct StatLine {
  std::int32_t tid = 0;
  std::string_view comm;
  char state = '?';
  Reading<std::int32_t> ppid;
  Reading<std::uint64_t> flags;
  Reading<std::uint64_t> utime_ticks;
  Reading<std::uint64_t> stime_ticks;
  Reading<std::int32_t> threads;
  Reading<std::uint64_t> start_ticks;
  Reading<bool> has_mm;
  Reading<std::int32_t> processor;
  /// The low 31 bits of SigPnd, field 31; only a live stat line is read so far.
  Reading<std::uint64_t> pending;
};
std::optional<StatLine> parse_stat_line(std::string_view text);

/// A block of /proc/<pid>/status lines, in any selection.
struct StatusBlock {
  Reading<std::string> name;
  Reading<char> state;
  Reading<std::int32_t> tid, tgid, ppid, tracer_pid, threads;
  Reading<std::vector<std::int32_t>> ns_pids;
  Reading<std::uint64_t> pending_private, pending_shared, blocked, ignored;
  Reading<bool> core_dumping;
  Reading<std::uint64_t> voluntary, nonvoluntary;
  bool vm_seen = false;
  bool last_seen = false;  ///< the last field of the file: the block is whole
  bool any = false;

  /// Takes one line. False when it is none of status, or when its field is already there: the next block
  /// begins.
  bool take(std::string_view line);

 private:
  bool take_number(std::string_view key, std::string_view value);
  bool take_text(std::string_view key, std::string_view value);
};

/// True when a line can only come from /proc/<pid>/status.
bool is_status_line(std::string_view line);

}  // namespace unzap::text
