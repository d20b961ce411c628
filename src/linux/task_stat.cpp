// SPDX-License-Identifier: Apache-2.0
#include "linux/task_stat.hpp"

#include <algorithm>

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap {
namespace {

/// Fields as proc(5) numbers them.
enum class StatField : int {
  state = 3,
  ppid = 4,
  flags = 9,
  utime = 14,
  stime = 15,
  threads = 20,
  start = 22,
  vsize = 23,
  pending = 31,
  processor = 39
};
// TASK_COMM_LEN is 16; the names of workqueue workers are longer here (proc_task_name(), fs/proc/array.c).
constexpr std::size_t k_most_comm_bytes = 70;

/// Cuts the next word of a line off `text`; empty at the line's end.
std::string_view take_word(std::string_view& text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  std::size_t end = begin;
  while (end < text.size() && text[end] != ' ' && text[end] != '\n') ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

bool is_number(std::string_view word) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

/// False when the word is not a number, or too large for the field.
template <class Int>
bool take_number(std::string_view word, Reading<Int>& out) {
  const auto value = parse_number<Int>(word);
  if (value) out = *value;
  return value || (word.starts_with('-') && is_number(word));
}

/// The front, "7 (comm)", taken off `text`. A host has many threads, and each comes here.
bool take_identity(std::string_view& text, StatLine& out) {
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2 ||
      close - open > k_most_comm_bytes)
    return false;
  const auto tid = task_number(parse_number<std::int32_t>(text.substr(0, open)));
  out.tid = tid.value_or(0);
  out.comm = text.substr(open + 2, close - open - 2);
  text.remove_prefix(close + 1);
  return tid.has_value();
}

bool take_state_and_parent(std::string_view& text, StatLine& out) {
  const std::string_view state = take_word(text);
  if (state.size() != 1 || !is_task_state(state[0])) return false;
  out.state = state[0];
  const auto ppid = parse_number<std::int32_t>(take_word(text));
  if (ppid) out.ppid = *ppid;
  return ppid.has_value();
}

/// A task without a memory map shows zeros from here on; rsslim alone is never zero.
bool take_vsize(std::string_view word, StatLine& out) {
  Reading<std::uint64_t> vsize;
  const bool taken = take_number(word, vsize);
  if (vsize) out.has_mm = *vsize != 0;
  return taken;
}

/// False when the line breaks off here. Only the fields that are used are turned into numbers.
bool take_field(StatField field, std::string_view word, StatLine& out) {
  switch (field) {
    case StatField::flags: return take_number(word, out.flags);
    case StatField::utime: return take_number(word, out.utime_ticks);
    case StatField::stime: return take_number(word, out.stime_ticks);
    case StatField::threads: return take_number(word, out.threads);
    case StatField::start: return take_number(word, out.start_ticks);
    case StatField::vsize: return take_vsize(word, out);
    case StatField::pending: return take_number(word, out.pending);
    case StatField::processor: return take_number(word, out.processor);
    default: return is_number(word);
  }
}

}  // namespace

std::optional<StatLine> parse_cut_stat(std::string_view text) {
  StatLine out;
  if (!take_identity(text, out) || !take_state_and_parent(text, out)) return std::nullopt;
  constexpr int k_next = static_cast<int>(StatField::ppid) + 1;
  constexpr int k_last = static_cast<int>(StatField::processor);
  for (int field = k_next; field <= k_last; ++field)
    if (!take_field(static_cast<StatField>(field), take_word(text), out)) break;
  return out;
}

std::optional<StatLine> parse_stat(std::string_view text) {
  auto out = parse_cut_stat(text);
  const bool whole = out && out->flags && out->utime_ticks && out->stime_ticks && out->threads &&
                     out->start_ticks && out->has_mm && out->pending && out->processor;
  return whole ? out : std::nullopt;
}

}  // namespace unzap
