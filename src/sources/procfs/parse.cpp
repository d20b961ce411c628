// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "snapshot/container.hpp"
#include "sources/text/frames.hpp"
#include "sources/text/scan.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// Cuts the next line off `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Fields of a stat line, as proc(5) numbers them.
enum StatField : int {
  k_state = 3,
  k_ppid = 4,
  k_flags = 9,
  k_utime = 14,
  k_stime = 15,
  k_threads = 20,
  k_start = 22,
  k_vsize = 23,
  k_pending = 31,
  k_processor = 39
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

template <class Int>
bool number(std::string_view word, Int& out) {
  const auto value = parse_number<Int>(word);
  if (value) out = *value;
  return value.has_value();
}
template <class Int>
bool number(std::string_view word, Reading<Int>& out) {
  const auto value = parse_number<Int>(word);
  if (value) out = *value;
  return value.has_value();
}

/// A field that the file has replaces the task's.
template <class T>
void take(Reading<T>& field, const Reading<T>& read) {
  if (read) field = read;
}

}  // namespace

std::optional<text::StatLine> parse_stat(std::string_view text) {
  // A host has many threads, and each comes here: only the fields that are used are turned into numbers.
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2 ||
      close - open > k_most_comm_bytes)
    return std::nullopt;
  text::StatLine out;
  const auto tid = text::task_number(parse_number<std::int32_t>(text.substr(0, open)));
  bool whole = tid.has_value();
  out.tid = tid.value_or(0);
  out.comm = text.substr(open + 2, close - open - 2);
  text.remove_prefix(close + 1);
  std::uint64_t address_space = 0;
  int field = 2;
  while (whole && field < k_processor) {
    const std::string_view word = take_word(text);
    if (word.empty()) return std::nullopt;
    switch (++field) {
      case k_state:
        out.state = word[0];
        whole = word.size() == 1 && text::is_state(word[0]);
        break;
      case k_ppid: whole = number(word, out.ppid); break;
      case k_flags: whole = number(word, out.flags); break;
      case k_utime: whole = number(word, out.utime_ticks); break;
      case k_stime: whole = number(word, out.stime_ticks); break;
      case k_threads: whole = number(word, out.threads); break;
      case k_start: whole = number(word, out.start_ticks); break;
      case k_vsize: whole = number(word, address_space); break;
      case k_pending: whole = number(word, out.pending); break;
      case k_processor: whole = number(word, out.processor); break;
      default: break;
    }
  }
  // A task without a memory map shows zeros here; rsslim alone is never zero.
  out.has_mm = address_space != 0;
  return whole ? std::optional(out) : std::nullopt;
}

bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches) {
  text::StatusBlock block;
  while (!text.empty()) block.take(take_line(text));
  if (!block.state) return false;
  take(task.state, block.state);
  take(task.tgid, block.tgid);
  take(task.ppid, block.ppid);
  take(task.tracer_pid, block.tracer_pid);
  take(task.threads, block.threads);
  take(task.ns_pids, block.ns_pids);
  take(task.pending_private, block.pending_private);
  take(task.pending_shared, block.pending_shared);
  take(task.blocked, block.blocked);
  take(task.ignored, block.ignored);
  take(task.core_dumping, block.core_dumping);
  task.has_mm = block.vm_seen;  // no Vm lines: past exit_mm, or a kernel thread
  if (block.voluntary && block.nonvoluntary) switches = *block.voluntary + *block.nonvoluntary;
  return true;
}

std::optional<Stack> parse_stack_file(std::string_view text, std::string where) {
  Stack stack;
  stack.origin = StackOrigin::proc_stack;
  stack.where = std::move(where);
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    if (line.empty()) continue;
    const text::FrameText frame = text::parse_frame(line);
    if (frame.form != text::FrameForm::strong || !frame.bracketed) return std::nullopt;
    if (!frame.function.empty()) stack.frames.push_back(text::to_frame(frame, false));
  }
  return stack;
}

const std::string& CgroupPaths::best() const {
  // On a host with both versions the unified path may be that of the runtime:
  // "/system.slice/containerd.service".
  for (const std::string* path : {&unified, &freezer, &systemd})
    if (!container_id(*path).empty()) return *path;
  for (const std::string* path : {&unified, &freezer, &systemd})
    if (!path->empty() && *path != "/") return *path;
  for (const std::string* path : {&unified, &freezer})
    if (!path->empty()) return *path;
  return systemd;
}

CgroupPaths parse_cgroup(std::string_view text) {
  CgroupPaths out;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers.empty()) out.unified = path;
    if (controllers == "name=systemd") out.systemd = path;
    if (fmt::format(",{},", controllers).find(",freezer,") != std::string::npos) out.freezer = path;
  }
  return out;
}

std::optional<std::uint64_t> parse_namespace_link(std::string_view text) {
  const std::size_t open = text.find(":[");
  if (open == std::string_view::npos || !text.ends_with(']')) return std::nullopt;
  return parse_number<std::uint64_t>(text.substr(open + 2, text.size() - open - 3));
}

std::optional<std::int32_t> count_cpus(std::string_view stat) {
  std::int32_t count = 0;
  while (!stat.empty()) {
    const std::string_view line = take_line(stat);
    if (line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9') ++count;
  }
  return count > 0 ? std::optional(count) : std::nullopt;
}

}  // namespace unzap
