// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/reading.hpp"
#include "snapshot/task.hpp"

namespace unzap {

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
  bool last_seen = false;  ///< the last field of the file
  bool any = false;

  /// Takes one line. False when it is none of status, or when its field is already there: the next block
  /// begins.
  bool take(std::string_view line);

  /// True when it begins and ends as the file does, so that what is missing is not in the file.
  bool whole() const { return name && state && tid && last_seen; }
  /// Of both kinds, when both are known.
  Reading<std::uint64_t> switches() const;

 private:
  bool take_number(std::string_view key, std::string_view value);
  bool take_text(std::string_view key, std::string_view value);
};

/// True when a line can only come from /proc/<pid>/status.
bool is_status_line(std::string_view line);

/// What the block has replaces what the task has; but for name, state and switches, of which other sources
/// may know more. Whether it has a memory map is said by a block that shows one, or that is whole.
void put_status(const StatusBlock& block, Task& task);

/// What /proc/<pid>/task/<tid>/status says, into the fields of `task` that it carries; `switches` is set to
/// the sum of both kinds of context switches. False, and nothing changed, when the text is not a status file
/// (no State line).
bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches);

}  // namespace unzap
