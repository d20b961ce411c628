// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/values.hpp"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

#include "util/text.hpp"

namespace unzap::bundle {
namespace {

constexpr std::string_view k_guess = "guess";
constexpr std::string_view k_interrupt = "interrupt";

/// Cuts the first word off; words stand with exactly one space between them.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

template <class Int>
bool parse_whole(std::string_view text, Int& out, int base = 10) {
  const auto value = parse_number<Int>(text, base);
  if (value) out = *value;
  return value.has_value();
}

bool parse_hex(std::string_view text, std::uint64_t& out) {
  return text.starts_with("0x") && parse_whole(text.substr(2), out, 16);
}

template <class Int>
bool parse_numbers(std::string_view text, std::vector<Int>& out) {
  out.clear();
  while (!text.empty()) {
    Int number = 0;
    if (!parse(take_word(text), number)) return false;
    out.push_back(number);
  }
  return true;
}

}  // namespace

std::string escape(std::string_view text, std::string_view also) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // Blanks at the ends are what editors and mail programs take away.
    const bool lost = text[i] == ' ' && (i == 0 || i + 1 == text.size());
    if (text[i] == '\\')
      out += "\\\\";
    else if (text[i] == '\n')
      out += "\\n";
    else if (text[i] == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte >= 0x7f || lost || also.find(text[i]) != std::string_view::npos)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += text[i];
  }
  return out;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const std::string_view rest = text.substr(i + 1);
    const auto byte = rest.starts_with('x') && rest.size() >= 3
                          ? parse_number<unsigned char>(rest.substr(1, 2), 16)
                          : std::nullopt;
    if (byte)
      out += static_cast<char>(*byte);
    else if (rest.starts_with('\\'))
      out += '\\';
    else if (rest.starts_with('n'))
      out += '\n';
    else if (rest.starts_with('t'))
      out += '\t';
    else
      return std::nullopt;
    i += byte ? std::size_t{3} : std::size_t{1};
  }
  return out;
}

std::string text_of(const std::string& value) {
  return escape(value);
}
std::string text_of(char value) {
  return escape({&value, 1}, " ");
}
std::string text_of(bool value) {
  return value ? "yes" : "no";
}
std::string text_of(std::int32_t value) {
  return fmt::to_string(value);
}
std::string text_of(std::uint64_t value) {
  return fmt::to_string(value);
}
std::string text_of(double value) {
  return fmt::format("{}", value);  // the shortest that reads back as the same number
}
std::string text_of(const std::vector<std::int32_t>& value) {
  return fmt::format("{}", fmt::join(value, " "));
}
std::string text_of(const std::vector<std::uint64_t>& value) {
  return fmt::format("{}", fmt::join(value, " "));
}

std::string text_of(const Frame& value) {
  std::string out = escape(value.function, " +");
  if (value.offset != 0 || value.size != 0 || value.function.empty())
    out += fmt::format("+{:#x}/{:#x}", value.offset, value.size);
  if (!value.module.empty()) out += fmt::format(" [{}]", escape(value.module, " "));
  if (value.guess) out.append(" ").append(k_guess);
  if (value.interrupt) out.append(" ").append(k_interrupt);
  return out;
}

std::string text_of(const TaskSample& value) {
  std::string out = fmt::format("{} {} {} {}", value.at_seconds, text_of(value.state), value.utime_ticks,
                                value.stime_ticks);
  if (value.switches) out += fmt::format(" {}", *value.switches);
  if (const Absence* why = value.switches.absence(); why && *why != Absence::not_asked)
    out += fmt::format(" ! {}", name(*why));
  return out;
}

std::string head_of(const Stack& stack) {
  std::string out(name(stack.origin));
  if (!stack.where.empty()) out += " " + escape(stack.where);
  return out;
}

std::string text_of(const CodeStep& value) {
  std::string bytes;
  for (const char byte : value.bytes) bytes += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return fmt::format("{} {} {} {} {}", escape(value.function, " "), value.offset, bytes,
                     escape(value.instruction, " "), escape(value.meaning));
}

std::string head_of(const WaitFix& fix) {
  std::string out(name(fix.kind));
  if (!fix.source.empty()) out += " " + escape(fix.source);
  return out;
}

std::string mask_text(std::uint64_t value) {
  return fmt::format("{:#x}", value);
}

bool parse(std::string_view text, std::string& out) {
  auto value = unescape(text);
  if (value) out = std::move(*value);
  return value.has_value();
}

bool parse(std::string_view text, char& out) {
  const auto value = unescape(text);
  if (!value || value->size() != 1) return false;
  out = value->front();
  return true;
}

bool parse(std::string_view text, bool& out) {
  out = text == "yes";
  return text == "yes" || text == "no";
}

bool parse(std::string_view text, std::int32_t& out) {
  return parse_whole(text, out);
}
bool parse(std::string_view text, std::uint64_t& out) {
  return parse_whole(text, out);
}

bool parse(std::string_view text, double& out) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && stop == end && !text.empty() && std::isfinite(out);
}

bool parse(std::string_view text, std::vector<std::int32_t>& out) {
  return parse_numbers(text, out);
}
bool parse(std::string_view text, std::vector<std::uint64_t>& out) {
  return parse_numbers(text, out);
}

bool parse(std::string_view text, Frame& out) {
  out = {};
  const std::string_view symbol = take_word(text);
  const std::size_t plus = symbol.find('+');
  if (!parse(symbol.substr(0, plus), out.function)) return false;
  if (plus != std::string_view::npos) {
    const std::string_view numbers = symbol.substr(plus + 1);
    const std::size_t slash = numbers.find('/');
    if (slash == std::string_view::npos || !parse_hex(numbers.substr(0, slash), out.offset) ||
        !parse_hex(numbers.substr(slash + 1), out.size))
      return false;
  } else if (symbol.empty()) {
    return false;
  }
  while (!text.empty()) {
    const std::string_view word = take_word(text);
    if (word == k_guess)
      out.guess = true;
    else if (word == k_interrupt)
      out.interrupt = true;
    else if (!word.starts_with('[') || !word.ends_with(']') ||
             !parse(word.substr(1, word.size() - 2), out.module))
      return false;
  }
  return true;
}

bool parse(std::string_view text, TaskSample& out) {
  out = {};
  if (!parse(take_word(text), out.at_seconds) || !parse(take_word(text), out.state) ||
      !parse(take_word(text), out.utime_ticks) || !parse(take_word(text), out.stime_ticks))
    return false;
  if (text.empty()) return true;
  if (text.starts_with("! ")) {
    Absence why{};
    const bool known = parse(text.substr(2), why);
    out.switches = why;
    return known;
  }
  std::uint64_t switches = 0;
  const bool whole = parse(text, switches);
  out.switches = switches;
  return whole;
}

bool parse(std::string_view text, CodeStep& out) {
  out = {};
  if (!parse(take_word(text), out.function) || !parse_whole(take_word(text), out.offset)) return false;
  std::string_view bytes = take_word(text);
  if (bytes.size() % 2 != 0) return false;
  for (; !bytes.empty(); bytes.remove_prefix(2)) {
    unsigned char byte = 0;
    if (!parse_whole(bytes.substr(0, 2), byte, 16)) return false;
    out.bytes += static_cast<char>(byte);
  }
  return parse(take_word(text), out.instruction) && parse(text, out.meaning);
}

bool parse_head(std::string_view text, WaitFix& out) {
  return parse(take_word(text), out.kind) && parse(text, out.source);
}

bool parse_head(std::string_view text, Stack& out) {
  return parse(take_word(text), out.origin) && parse(text, out.where);
}

bool parse_mask(std::string_view text, std::uint64_t& out) {
  return parse_hex(text, out);
}

}  // namespace unzap::bundle
