// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "snapshot/reading.hpp"

namespace unzap {

/// /proc/<pid>/stat (do_task_stat(), fs/proc/array.c). Views into the text that was read; times in clock
/// ticks. The file of a process sums up its threads, that of a thread is its own.
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
  Reading<std::uint64_t> pending;  ///< the low 31 bits of SigPnd
  Reading<std::int32_t> processor;
};

/// A line that may be cut: from the number to the first field that is missing. Nothing when not even the
/// parent is there. comm may hold blanks and parentheses.
std::optional<StatLine> parse_cut_stat(std::string_view text);

/// The text of a file: nothing when one of the fields is missing.
std::optional<StatLine> parse_stat(std::string_view text);

}  // namespace unzap
