// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "util/text.hpp"

namespace unzap {

// Reading a text from its front, a piece at a time. All pieces are views into it.

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z');
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
/// A character of a kernel symbol.
constexpr bool is_symbol(char c) {
  return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '$';
}

/// Takes `prefix` off the front of `text`; false, and nothing taken, when it is not there.
inline bool eat(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

inline void skip_blanks(std::string_view& text) {
  std::size_t i = 0;
  while (i < text.size() && is_blank(text[i])) ++i;
  text.remove_prefix(i);
}

/// Takes the longest run of characters for which `belongs` holds off the front.
template <class Predicate>
std::string_view eat_while(std::string_view& text, Predicate belongs) {
  std::size_t i = 0;
  while (i < text.size() && belongs(text[i])) ++i;
  const std::string_view out = text.substr(0, i);
  text.remove_prefix(i);
  return out;
}

/// Takes decimal digits off the front; nothing when there are none or they do not fit.
template <class Int = std::int32_t>
std::optional<Int> eat_number(std::string_view& text) {
  return parse_number<Int>(eat_while(text, is_digit));
}

/// Takes "0x<hex>" off the front; nothing, and `text` is in no particular place, when it is not there.
inline std::optional<std::uint64_t> eat_hex(std::string_view& text) {
  if (!eat(text, "0x")) return std::nullopt;
  return parse_number<std::uint64_t>(eat_while(text, is_hex), 16);
}

/// Takes the next word off the front, with the blanks before it; empty at the end.
inline std::string_view eat_word(std::string_view& text) {
  skip_blanks(text);
  return eat_while(text, [](char c) { return !is_blank(c); });
}

/// Takes the last word off the end of `text`, with the blanks before and behind it; empty when there is none.
inline std::string_view eat_last_word(std::string_view& text) {
  text = trim(text);
  std::size_t at = text.size();
  while (at > 0 && !is_blank(text[at - 1])) --at;
  const std::string_view out = text.substr(at);
  text = trim(text.substr(0, at));
  return out;
}

inline bool contains(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

/// What follows `key`, which must stand at the start of a word, without blanks before it; empty when it is
/// not there.
inline std::string_view after(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (at != 0 && (is_letter(text[at - 1]) || is_digit(text[at - 1]) || text[at - 1] == '_')) continue;
    std::string_view out = text.substr(at + key.size());
    skip_blanks(out);
    return out;
  }
  return {};
}

/// The decimal number after `key` ("pid:" in "pid:  376 ppid:     2").
template <class Int = std::int32_t>
std::optional<Int> number_after(std::string_view text, std::string_view key) {
  std::string_view rest = after(text, key);
  return eat_number<Int>(rest);
}

}  // namespace unzap
