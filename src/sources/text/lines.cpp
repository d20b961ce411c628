// SPDX-License-Identifier: Apache-2.0
#include "sources/text/lines.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "util/scan.hpp"
#include "util/text.hpp"

namespace unzap::text {
namespace {

constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> k_days = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_clock(std::string_view text) {  // "12:26:49"
  return text.size() >= 8 && is_digit(text[0]) && text[2] == ':' && text[5] == ':' && is_digit(text[7]);
}

/// "[  123.456789]" at the front: takes it and gives the seconds.
bool eat_seconds(std::string_view& text, Reading<double>& at) {
  std::string_view rest = text;
  if (!eat(rest, "[")) return false;
  skip_blanks(rest);
  const bool relative = eat(rest, "+");  // dmesg -d: seconds since the line before
  const auto whole = eat_number<std::uint32_t>(rest);
  if (!whole || !eat(rest, ".")) return false;
  const std::string_view fraction = eat_while(rest, is_digit);
  if (fraction.size() < 2 || fraction.size() > 9 || !eat(rest, "]")) return false;
  double scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) scale /= 10;
  if (!relative)
    at = static_cast<double>(*whole) +
         scale * static_cast<double>(parse_number<std::uint32_t>(fraction).value_or(0));
  text = rest;
  return true;
}

/// "[Wed Jul  3 16:39:34 2024]", "[Jun 5 12:00]" at the front.
bool eat_bracketed_date(std::string_view& text) {
  if (text.size() < 8 || text[0] != '[') return false;
  const std::string_view word = text.substr(1, 3);
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || end > 36) return false;
  const bool iso = is_digit(text[1]) && text.size() > 12 && text[5] == '-' && text[8] == '-';
  if (!iso && !is_one_of(word, k_days) && !is_one_of(word, k_months)) return false;
  if (text.substr(0, end).find(':') == std::string_view::npos) return false;
  text.remove_prefix(end + 1);
  return true;
}

/// "[T123]", "[    C0]" of a console with caller ids.
void eat_caller(std::string_view& text) {
  std::string_view rest = text;
  if (!eat(rest, "[")) return;
  skip_blanks(rest);
  if (!eat(rest, "T") && !eat(rest, "C")) return;
  if (eat_while(rest, is_digit).empty() || !eat(rest, "]")) return;
  text = rest;
}

/// A record of /dev/kmsg: "6,1234,5678901,-[,caller=T1];". The facility of what the kernel says itself is 0.
bool eat_kmsg(std::string_view& text, Reading<double>& at, bool& from_other) {
  std::string_view rest = text;
  const auto priority = eat_number(rest);
  if (!priority || !eat(rest, ",") || !eat_number<std::uint64_t>(rest) || !eat(rest, ",")) return false;
  const auto microseconds = eat_number<std::uint64_t>(rest);
  const std::size_t end = rest.substr(0, 40).find(';');
  if (!microseconds || end == std::string_view::npos || !rest.starts_with(',')) return false;
  at = static_cast<double>(*microseconds) / 1e6;
  from_other = *priority >= 8;
  text = rest.substr(end + 1);
  return true;
}

/// A syslog or journal date at the front, short or ISO, with the blank behind it.
bool eat_date(std::string_view& text) {
  std::string_view rest = text;
  if (text.size() > 19 && is_digit(text[0]) && text[4] == '-' && text[7] == '-') {
    const std::string_view word = eat_word(rest);
    if (word.size() == 10) {  // "2024-06-05 12:00:00.123"
      if (!is_clock(eat_word(rest))) return false;
    } else if (word.size() < 19 || word[10] != 'T') {
      return false;
    }
  } else {
    const std::string_view first = eat_word(rest);
    const bool named_day = is_one_of(first, k_days);  // "Wed 2024-06-05 12:00:00 UTC"
    if (named_day) {
      const std::string_view date = eat_word(rest);
      if (date.size() != 10 || date[4] != '-' || !is_clock(eat_word(rest))) return false;
      if (is_upper(rest.size() > 1 ? rest[1] : ' ')) eat_word(rest);
    } else {
      if (!is_one_of(first, k_months)) return false;
      const std::string_view day = eat_word(rest);
      if (day.empty() || day.size() > 2 || !is_digit(day[0]) || !is_clock(eat_word(rest))) return false;
    }
  }
  skip_blanks(rest);
  text = rest;
  return true;
}

/// What stands between a date and the message: "host kernel: ", "host systemd[1]: ".
void eat_program(Stripped& out) {
  std::string_view rest = out.text;
  eat_word(rest);  // the host
  skip_blanks(rest);
  const std::size_t end = rest.substr(0, 64).find(": ");
  if (end == std::string_view::npos) {
    if (eat(out.text, "kernel:")) out.from_kernel = true;
    return;
  }
  const std::string_view program = rest.substr(0, end);
  if (program == "kernel" || program.starts_with("kernel[")) {
    out.from_kernel = true;
    out.text = rest.substr(end + 2);
  } else if (!contains(program, " ") && !program.empty() && is_letter(program[0])) {
    out.from_other = true;
    out.text = rest.substr(end + 2);
  }
}

/// The message of a record in JSON (journald; docker and other collectors), when the line is one; escapes
/// other than \" stay as they are.
std::string_view json_message(std::string_view line) {
  if (!line.starts_with('{')) return {};
  std::string_view rest;
  for (const std::string_view key : {"\"MESSAGE\"", "\"message\"", "\"msg\"", "\"log\""})
    if (rest.empty()) rest = after(line, key);
  skip_blanks(rest);
  if (!eat(rest, ":")) return {};
  skip_blanks(rest);
  if (!eat(rest, "\"")) return {};
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? std::size_t{2} : std::size_t{1};
  rest = rest.substr(0, std::min(end, rest.size()));
  if (rest.ends_with("\\n")) rest.remove_suffix(2);
  return rest;
}

/// True for what a console, a host or a collector of logs writes before a message: a few plain words. The
/// text of a message may quote what a stranger chose (a mount option, a name, a path), but not in such a
/// place.
bool is_plain_prefix(std::string_view text) {
  constexpr std::size_t k_most_words = 8;  // of RFC 5424: version, time, host, program and three dashes
  std::size_t words = 0;
  while (!trim(text).empty()) {
    skip_blanks(text);
    const std::string_view word = eat_word(text);
    const bool plain = std::all_of(word.begin(), word.end(), [&](char c) {
      constexpr std::string_view k_marks = "._-:|+[]<>*";  // "[host]": what was taken out for privacy
      const bool path = words == 0 && c == '/';            // of grep: "/var/log/syslog:May 16 ..."
      return is_letter(c) || is_digit(c) || path || k_marks.find(c) != std::string_view::npos;
    });
    if (!plain || ++words > k_most_words) return false;
  }
  return true;
}

/// "capture.txt:12:" of grep, or "12:": one word, with nothing between it and the line.
bool is_grep_prefix(std::string_view text) {
  return (text.ends_with(':') || text.ends_with('-')) &&
         text.find_first_of(" \t") == std::string_view::npos && is_plain_prefix(text);
}

/// A time stamp or "kernel:" further inside ("kern  :err   : [123.4] ", "node-1 kernel: "), of a line that
/// has no prefix of the kernel so far: behind one begins the message, and in a message none of this counts.
bool eat_inner_prefix(Stripped& out) {
  const std::string_view front = out.text.substr(0, 96);
  for (std::size_t at = front.find('['); at != std::string_view::npos; at = front.find('[', at + 1)) {
    std::string_view rest = out.text.substr(at);
    const std::string_view before = front.substr(0, at);
    const bool apart = before.empty() || before.back() == ' ' || before.back() == '\t';
    if (!(apart ? is_plain_prefix(before) : is_grep_prefix(before)) || !eat_seconds(rest, out.at)) continue;
    out.text = rest;
    return true;
  }
  const std::size_t at = front.find("kernel:");
  if (at == std::string_view::npos || (at != 0 && front[at - 1] != ' ') ||
      !is_plain_prefix(front.substr(0, at)))
    return false;
  out.text.remove_prefix(at + 7);
  return true;
}

}  // namespace

Stripped strip_prefix(std::string_view line) {
  Stripped out;
  out.text = trim(line);
  if (out.text.empty()) return out;
  if (const std::string_view message = json_message(out.text); !message.empty()) {
    out.text = message;
    constexpr std::string_view k_transport = "\"_TRANSPORT\"";
    std::string_view transport = after(line, k_transport);
    // Anybody may log under the name "kernel"; the transport is journald's own word.
    out.from_kernel = contains(transport.empty() ? line : transport.substr(0, 16), "\"kernel\"");
    out.from_other = !transport.empty() && !out.from_kernel;
  }
  bool by_priority = false;  // what follows may have a prefix yet
  if (out.text[0] == '<') {  // <6>, but not <TASK>
    std::string_view rest = out.text.substr(1);
    if (eat_number(rest) && eat(rest, ">")) {
      out.text = trim(rest);
      by_priority = true;
    }
  }
  bool is_record = false;
  if (is_digit(out.text.empty() ? ' ' : out.text[0]) && eat_kmsg(out.text, out.at, out.from_other)) {
    is_record = out.from_kernel = true;
  } else if (eat_date(out.text)) {
    eat_program(out);
  }
  skip_blanks(out.text);
  if (out.from_other) return out;
  // A record of /dev/kmsg has its stamp; whatever stands behind it is the message.
  if (is_record) {
    out.text = trim(out.text);
    return out;
  }
  if (eat_bracketed_date(out.text) || eat_seconds(out.text, out.at) ||
      (!out.from_kernel && eat_inner_prefix(out)))
    out.from_kernel = true;
  out.from_kernel |= by_priority;
  if (out.from_kernel) {
    skip_blanks(out.text);
    if (!out.at && eat_seconds(out.text, out.at)) skip_blanks(out.text);
    eat_caller(out.text);
    out.text = trim(out.text);
  }
  return out;
}

std::string_view strip_quoting(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\0')) line.remove_suffix(1);
  for (;;) {
    std::string_view rest = line;
    skip_blanks(rest);
    if (!rest.starts_with('>')) return line;
    rest.remove_prefix(1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    line = rest;
  }
}

bool has_control(std::string_view line) {
  // Bytes from 0x80 are UTF-8 as far as we care. Eight at a time: this sees every byte of the input.
  constexpr std::uint64_t k_ones = 0x0101010101010101U;
  std::size_t i = 0;
  std::uint64_t suspect = 0;
  for (; i + 8 <= line.size(); i += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, line.data() + i, 8);
    suspect |= (bytes - k_ones * 0x20) & ~bytes & (k_ones * 0x80);
  }
  for (; i < line.size(); ++i)
    suspect |= static_cast<std::uint64_t>(static_cast<unsigned char>(line[i]) < 0x20);
  if (suspect == 0) return false;
  return std::any_of(line.begin(), line.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
}

std::string without_control(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte == 0x1b && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && !is_letter(line[i])) ++i;
    } else if (byte >= 0x20 || byte == '\t') {
      out += line[i];
    }
  }
  return out;
}

bool LineReader::read(Slot& slot) {
  // Of many empty lines in a row one is enough.
  if (last_was_empty_) {
    std::size_t empty = 0;
    while (empty < rest_.size() && rest_[empty] == '\n') ++empty;
    rest_.remove_prefix(empty);
    number_ += empty;
  }
  if (rest_.empty()) return false;
  const void* found = std::memchr(rest_.data(), '\n', rest_.size());
  const std::size_t end =
      found ? static_cast<std::size_t>(static_cast<const char*>(found) - rest_.data()) : rest_.size();
  std::string_view raw = rest_.substr(0, end);
  rest_.remove_prefix(found ? end + 1 : end);
  ++number_;
  if (raw.size() > k_line_length) {
    raw = raw.substr(0, k_line_length);
    ++cut_;
  }
  raw = strip_quoting(raw);
  if (has_control(raw)) {
    if (raw.find('\x1b') == std::string_view::npos) ++binary_;
    slot.owned = without_control(raw);
    raw = slot.owned;
  }
  const Stripped stripped = strip_prefix(raw);
  last_was_empty_ = stripped.text.empty();
  slot.line = {stripped.text, raw, number_, stripped.at, stripped.from_kernel, stripped.from_other};
  return true;
}

const Line* LineReader::next() {
  if (has_ahead_) {
    current_ = 1 - current_;
    has_ahead_ = false;
  } else if (!read(slots_[current_])) {
    return nullptr;
  }
  Slot& current = slots_[current_];
  const Slot& ahead = slots_[1 - current_];
  constexpr int k_most_joins = 4;
  for (int joins = 0; joins < k_most_joins; ++joins) {
    has_ahead_ = read(slots_[1 - current_]);
    if (!has_ahead_ || ahead.line.from_kernel || ahead.line.from_other) break;
    const Join join = continues(current.line.text, ahead.line.text);
    if (join == Join::none) break;
    std::string joined(current.line.text);
    if (join == Join::with_blank) joined += ' ';
    joined += ahead.line.text;
    current.owned = std::move(joined);
    current.line.text = current.line.raw = current.owned;
    has_ahead_ = false;
  }
  return &current.line;
}

}  // namespace unzap::text
