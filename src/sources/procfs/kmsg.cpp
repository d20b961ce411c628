// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/kmsg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "sources/text/reports.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr unsigned k_facility_shift = 3;
constexpr unsigned k_level_mask = 7;
constexpr unsigned k_warning = 4;
constexpr std::string_view k_newline = "\\x0a";

struct Record {
  unsigned priority = 0;
  std::uint64_t microseconds = 0;
  std::string_view message;
};

/// Cuts a number and the comma behind it off `text`.
template <class Int>
bool take_number(std::string_view& text, Int& out) {
  const std::size_t end = text.find(',');
  if (end == std::string_view::npos) return false;
  const auto value = parse_number<Int>(text.substr(0, end));
  text.remove_prefix(end + 1);
  if (value) out = *value;
  return value.has_value();
}

/// "6,339,5140900,-,caller=T1;message".
std::optional<Record> parse_record(std::string_view line) {
  Record out;
  std::uint64_t sequence = 0;
  if (!take_number(line, out.priority) || !take_number(line, sequence)) return std::nullopt;
  const std::size_t end = line.find(';');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view stamp = line.substr(0, std::min(line.find(','), end));
  const auto microseconds = parse_number<std::uint64_t>(stamp);
  if (!microseconds) return std::nullopt;
  out.microseconds = *microseconds;
  out.message = line.substr(end + 1);
  return out;
}

/// A message that begins with the name of a process may begin as that pleases.
bool borrows_a_head(const Record& record) {
  if (!text::parse_report_head(record.message)) return false;
  const auto says = [&](std::string_view text) {
    return record.message.find(text) != std::string_view::npos;
  };
  // The first: dump_header(), mm/oom_kill.c; the second, which anybody can have written by a jump to where no
  // call begins: warn_bad_vsyscall(), arch/x86/entry/vsyscall/vsyscall_64.c.
  return (record.priority & k_level_mask) > k_warning || says(" invoked oom-killer: ") ||
         says("] misaligned vsyscall (exploit attempt");
}

}  // namespace

std::string kernel_messages(std::string_view records) {
  std::string out;
  out.reserve(records.size());
  while (!records.empty()) {
    const std::size_t end = std::min(records.find('\n'), records.size());
    const std::string_view line = records.substr(0, end);
    records.remove_prefix(std::min(end + 1, records.size()));
    auto record = parse_record(line);
    if (!record || record->priority >> k_facility_shift != 0) continue;
    record->message = record->message.substr(0, record->message.find(k_newline));
    if (borrows_a_head(*record)) continue;
    out += fmt::format("[{:5}.{:06}] {}\n", record->microseconds / 1000000, record->microseconds % 1000000,
                       record->message);
  }
  return out;
}

}  // namespace unzap
