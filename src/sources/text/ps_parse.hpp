// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "snapshot/reading.hpp"

namespace unzap::text {

/// A column of ps or top, as far as it bears on a stuck task.
enum class Column : unsigned char {
  pid,
  tgid,
  tid,
  ppid,
  state,
  stat,
  wchan,
  processor,
  cpu_percent,
  threads,
  flags,
  pidns,
  mntns,
  date,     ///< may be one, two ("Jan 22") or five words
  comm,     ///< the kernel's name, may hold blanks
  command,  ///< name or command line, may hold blanks
  other,
};

/// The columns of a listing, from its header line, its command or its looks.
struct PsLayout {
  std::vector<Column> columns;
  bool time_before_command = false;  ///< the column before the command ends at the same place in each row
  bool stated = false;               ///< a header or an -o list names the columns: no guess is better
};

/// One row.
struct PsRow {
  Reading<std::int32_t> pid;  ///< of the process
  Reading<std::int32_t> tid;  ///< LWP column
  Reading<std::int32_t> ppid;
  Reading<char> state;
  Reading<bool> multi_threaded;
  Reading<double> cpu_percent;
  Reading<std::int32_t> processor;
  Reading<std::int32_t> threads;
  Reading<std::uint64_t> pid_ns;
  Reading<std::uint64_t> mnt_ns;
  std::string_view wchan;
  std::string_view comm;         ///< empty: none
  bool comm_is_kernels = false;  ///< from brackets or a comm column, not cut out of a command line
  bool defunct = false;
  Reading<std::size_t> depth;  ///< place of the command in a tree ("\_ ")
  bool in_tree = false;
};

/// The layout that a header line states, or nothing when the line is none.
std::optional<PsLayout> parse_ps_header(std::string_view line);
/// The layout that a command asks for ("ps -eo pid,stat,wchan:32,comm", "ps axl"), or nothing.
std::optional<PsLayout> parse_ps_command(std::string_view command);
/// The layout that a row without header shows by its looks, or nullptr.
const PsLayout* guess_ps_layout(std::string_view row);
/// The row, or nothing when it does not fit the layout.
std::optional<PsRow> parse_ps_row(std::string_view row, const PsLayout& layout);

}  // namespace unzap::text
