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

/// `text` with every byte that a terminal could act on shown as \xNN (and tab as a space), at most
/// `max_bytes` of it: names of processes and lines of logs are foreign data.
std::string printable(std::string_view text, std::size_t max_bytes = 4096);

}  // namespace unzap
