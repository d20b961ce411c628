// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "snapshot/reading.hpp"

namespace unzap::text {

/// Characters of a line that are looked at; the rest is cut off.
inline constexpr std::size_t k_line_length = 4096;

/// What of a line is prefix, and what the prefix says.
struct Stripped {
  std::string_view text;     ///< the message, blanks at both ends removed
  Reading<double> at;        ///< printk time stamp, seconds after boot
  bool from_kernel = false;  ///< the prefix says that the kernel wrote it
  bool from_other = false;   ///< the prefix names another program (systemd[1]:)
};

/// Takes the prefixes of dmesg, journalctl, /dev/kmsg, syslog and serial consoles off a line.
Stripped strip_prefix(std::string_view line);

/// `line` without mail quoting ("> ", ">> ") and CR, NUL at its end.
std::string_view strip_quoting(std::string_view line);

/// True when `line` holds control characters other than tab: colour codes, binary data.
bool has_control(std::string_view line);

/// `line` without ANSI escape sequences and other control characters but tab.
std::string without_control(std::string_view line);

/// How a line goes on in the next.
enum class Join : unsigned char { none, with_blank, without_blank };

/// Says whether `next` is the rest of `head`, broken off by a mailer: only when the two together are
/// something that is known and `head` alone is not complete.
Join continues(std::string_view head, std::string_view next);

/// One logical line.
struct Line {
  std::string_view text;     ///< the message without prefix, blanks at both ends removed
  std::string_view raw;      ///< before prefix and leading blanks were removed; for tables and trees
  std::size_t number = 0;    ///< of its first physical line, from 1
  Reading<double> at;        ///< printk time stamp
  bool from_kernel = false;  ///< it carries a kernel log prefix
  bool from_other = false;   ///< it carries another program's prefix
};

/// Splits a text into logical lines.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  /// The next line, valid until the following call, or nullptr at the end.
  const Line* next();
  std::size_t cut_lines() const { return cut_; }        ///< lines longer than k_line_length
  std::size_t binary_lines() const { return binary_; }  ///< lines with bytes that are not text

 private:
  struct Slot {
    Line line;
    std::string owned;  ///< backs `line` when it had to be rewritten
  };
  bool read(Slot& slot);

  std::string_view rest_;
  Slot slots_[2];  ///< the current line and the one ahead take turns: nothing that a view points to moves
  std::size_t current_ = 0;
  bool has_ahead_ = false;
  bool last_was_empty_ = false;
  std::size_t number_ = 0;
  std::size_t cut_ = 0;
  std::size_t binary_ = 0;
};

}  // namespace unzap::text
