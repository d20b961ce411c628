// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "util/utf8.hpp"

namespace unzap {
namespace {

constexpr std::string_view k_blanks = " \t\r\n";

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

std::string code_point(char32_t code) {
  return fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(code));
}

/// Bytes of the sequence that sets a colour, at the front of `text`; 0 when there is none.
std::size_t color_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

/// Bytes at the front of `text` that the gate lets through as they are.
std::size_t clean_length(std::string_view text, const Kept& kept) {
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if ((c >= ' ' && c <= '~') || (c == '\n' && kept.line_feeds)) {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    const Character one = first_character(rest);
    const std::size_t color = kept.colors ? color_length(rest) : 0;
    if (color == 0 && (one.bytes == 0 || !is_visible(one.code))) break;
    at += std::max(color, one.bytes);
  }
  return at;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(k_blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(k_blanks) - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(k_blanks, at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(k_blanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = 2 + word.size() / 3;
  if (word.size() > 64) return best;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  out.reserve(std::min(text.size(), max_bytes));
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const Character one = first_character(text.substr(at));
    const std::size_t bytes = std::max<std::size_t>(one.bytes, 1);
    if (at + bytes > max_bytes) break;
    if (text[at] == '\t')
      out += ' ';
    else if (one.bytes == 0 || one.code < ' ' || one.code == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else if (!is_visible(one.code))
      out += code_point(one.code);
    else
      out += text.substr(at, bytes);
    at += bytes;
  }
  if (at < text.size()) out += "...";
  return out;
}

std::optional<std::string> text_repaired(std::string_view text, const Kept& kept) {
  std::size_t at = clean_length(text, kept);
  if (at == text.size()) return std::nullopt;
  std::string out(text.substr(0, at));
  while (at < text.size()) {
    const Character one = first_character(text.substr(at));
    if (one.bytes == 0)
      out += "\xef\xbf\xbd";
    else
      out += one.code == '\t' ? std::string(" ") : code_point(one.code);
    at += std::max<std::size_t>(one.bytes, 1);
    const std::size_t clean = clean_length(text.substr(at), kept);
    out += text.substr(at, clean);
    at += clean;
  }
  return out;
}

}  // namespace unzap
