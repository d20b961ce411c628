// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/snapshot.hpp"
#include "util/names.hpp"

// One value and its text on one line. For each type: parse(text_of(value)) gives the value back, and parse
// returns false, with `out` in no particular state, for any text that text_of cannot give.

namespace unzap::bundle {

/// `text` on one line, without bytes that a terminal or an editor could act on; `also` are characters to
/// escape besides. unescape(escape(text)) == text.
std::string escape(std::string_view text, std::string_view also = "");
/// Nothing when a backslash begins no escape.
std::optional<std::string> unescape(std::string_view text);

std::string text_of(const std::string& value);
std::string text_of(char value);
std::string text_of(bool value);
std::string text_of(std::int32_t value);
std::string text_of(std::uint64_t value);
std::string text_of(double value);
std::string text_of(const std::vector<std::int32_t>& value);
std::string text_of(const std::vector<std::uint64_t>& value);
template <HasNames Enum>
std::string text_of(Enum value) {
  return std::string(name(value));
}
std::string text_of(const Frame& value);
std::string text_of(const TaskSample& value);
std::string text_of(const CodeStep& value);
/// Origin and place of a stack, without its frames.
std::string head_of(const Stack& stack);
/// Kind and place of the code, without its steps.
std::string head_of(const WaitFix& fix);
/// A set of bits, in hexadecimal.
std::string mask_text(std::uint64_t value);

bool parse(std::string_view text, std::string& out);
bool parse(std::string_view text, char& out);
bool parse(std::string_view text, bool& out);
bool parse(std::string_view text, std::int32_t& out);
bool parse(std::string_view text, std::uint64_t& out);
/// Only finite numbers.
bool parse(std::string_view text, double& out);
bool parse(std::string_view text, std::vector<std::int32_t>& out);
bool parse(std::string_view text, std::vector<std::uint64_t>& out);
template <HasNames Enum>
bool parse(std::string_view text, Enum& out) {
  const auto value = from_name<Enum>(text);
  if (value) out = *value;
  return value.has_value();
}
bool parse(std::string_view text, Frame& out);
bool parse(std::string_view text, TaskSample& out);
bool parse(std::string_view text, CodeStep& out);
bool parse_head(std::string_view text, Stack& out);
bool parse_head(std::string_view text, WaitFix& out);
bool parse_mask(std::string_view text, std::uint64_t& out);

}  // namespace unzap::bundle
