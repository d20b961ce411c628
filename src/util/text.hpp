// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// `text` without blanks (space, tab, CR, LF) at both ends.
std::string_view trim(std::string_view text);

/// The words of `text`, split at runs of spaces and tabs. Views into `text`.
std::vector<std::string_view> split_words(std::string_view text);

/// Cuts the next line off `text`; it comes without its end.
std::string_view take_line(std::string_view& text);

/// The whole of `text` as a number in `base`, or nothing when any character does not belong to it.
template <class Int>
std::optional<Int> parse_number(std::string_view text, int base = 10) {
  Int value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

/// The candidate nearest to `word` (edit distance at most 1 + size/3), or empty: for "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// How much of a foreign name is shown. Foreign are names of tasks, cgroups, hosts and files, lines of logs.
inline constexpr std::size_t k_shown_host_bytes = 255;  ///< HOST_NAME_MAX is 64, a name of the DNS has 253
inline constexpr std::size_t k_shown_text_bytes = 4096;

/// `text` on one line and without what a terminal acts on or a reader does not see: a tab as a space, control
/// characters and bytes that are not UTF-8 as \xNN, other invisible characters as <U+202E>. At most
/// `max_bytes` of it, then "...".
std::string printable(std::string_view text, std::size_t max_bytes = k_shown_text_bytes);

/// Which characters besides visible ones `text_repaired` keeps.
struct Kept {
  bool line_feeds = true;
  bool colors = false;  ///< ESC [ digits and ; m
};
/// The last gate of what goes out: nothing when `text` is UTF-8 of visible characters and what is kept; else
/// the same with U+FFFD for bytes that are not UTF-8, a space for a tab and <U+NNNN> for the rest, which
/// neither closes nor opens anything in JSON.
std::optional<std::string> text_repaired(std::string_view text, const Kept& kept);

}  // namespace unzap
