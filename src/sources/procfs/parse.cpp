// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

template <class Int>
void set_number(Reading<Int>& field, std::string_view text, int base = 10) {
  if (const auto value = parse_number<Int>(text, base)) field = *value;
}

/// One "Key:\tvalue" line of status into the task. The sum of context switches goes to `switches`.
void apply_status_line(std::string_view key, std::string_view value, Task& task, std::uint64_t& switches,
                       int& switch_lines) {
  if (key == "State" && !value.empty()) task.state = value.front();
  if (key == "Tgid") set_number(task.tgid, value);
  if (key == "PPid") set_number(task.ppid, value);
  if (key == "TracerPid") set_number(task.tracer_pid, value);
  if (key == "Threads") set_number(task.threads, value);
  if (key == "SigPnd") set_number(task.pending_private, value, 16);
  if (key == "ShdPnd") set_number(task.pending_shared, value, 16);
  if (key == "SigBlk") set_number(task.blocked, value, 16);
  if (key == "SigIgn") set_number(task.ignored, value, 16);
  if (key == "CoreDumping") task.core_dumping = value == "1";
  if (key == "VmSize") task.has_mm = true;
  if (key == "NSpid") {
    std::vector<std::int32_t> pids;
    for (const std::string_view word : split_words(value))
      if (const auto pid = parse_number<std::int32_t>(word)) pids.push_back(*pid);
    if (!pids.empty()) task.ns_pids = std::move(pids);
  }
  if (key == "voluntary_ctxt_switches" || key == "nonvoluntary_ctxt_switches") {
    if (const auto count = parse_number<std::uint64_t>(value)) {
      switches += *count;
      ++switch_lines;
    }
  }
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// The kernel writes bytes that a line cannot carry as \xNN.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      if (const auto byte = parse_number<unsigned>(text.substr(i + 2, 2), 16)) {
        out += static_cast<char>(*byte);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

std::optional<StatLine> parse_stat(std::string_view text) {
  const std::size_t open = text.find(" (");
  const std::size_t close = text.rfind(") ");  // comm may hold anything: only the last one ends it
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2)
    return std::nullopt;
  StatLine out;
  out.comm = std::string(text.substr(open + 2, close - open - 2));
  const auto tid = parse_number<std::int32_t>(text.substr(0, open));
  const std::vector<std::string_view> rest = split_words(trim(text.substr(close + 2)));
  constexpr std::size_t k_first_field = 3;  // rest[0] is field 3 of proc(5)
  constexpr std::size_t k_processor_field = 39;
  if (!tid || rest.size() <= k_processor_field - k_first_field || rest[0].size() != 1) return std::nullopt;
  out.tid = *tid;
  out.state = rest[0].front();
  bool good = true;
  const auto take = [&]<class Int>(std::size_t field, Int& into) {
    const auto value = parse_number<Int>(rest[field - k_first_field]);
    good = good && value.has_value();
    into = value.value_or(0);
  };
  take(4, out.ppid);
  take(9, out.flags);
  take(14, out.utime_ticks);
  take(15, out.stime_ticks);
  take(20, out.threads);
  take(22, out.start_ticks);
  take(31, out.pending_low);
  take(k_processor_field, out.processor);
  return good ? std::optional(out) : std::nullopt;
}

bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches) {
  Task read = task;
  read.state = Reading<char>();
  read.has_mm = false;  // no Vm lines: past exit_mm, or a kernel thread
  std::uint64_t sum = 0;
  int switch_lines = 0;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    apply_status_line(line.substr(0, colon), trim(line.substr(colon + 1)), read, sum, switch_lines);
  }
  if (!read.state) return false;
  task = std::move(read);
  if (switch_lines == 2) switches = sum;
  return true;
}

std::optional<Frame> parse_stack_line(std::string_view line) {
  line = trim(line);
  if (!line.starts_with("[<")) return std::nullopt;
  const std::size_t end = line.find(">]");
  if (end == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> words = split_words(line.substr(end + 2));
  if (words.empty() || words.size() > 2) return std::nullopt;
  Frame frame;
  const std::string_view place = words[0];
  const std::size_t plus = place.find('+');
  const std::size_t slash = place.find('/', plus == std::string_view::npos ? 0 : plus);
  frame.function = std::string(plain_symbol(place.substr(0, plus)));
  if (plus != std::string_view::npos) {
    if (slash == std::string_view::npos || !place.substr(plus + 1).starts_with("0x")) return std::nullopt;
    const auto offset = parse_number<std::uint64_t>(place.substr(plus + 3, slash - plus - 3), 16);
    const std::string_view size_text = place.substr(slash + 1);
    const auto size =
        size_text.starts_with("0x") ? parse_number<std::uint64_t>(size_text.substr(2), 16) : std::nullopt;
    if (!offset || !size) return std::nullopt;
    frame.offset = *offset;
    frame.size = *size;
  }
  if (frame.function.empty()) return std::nullopt;
  if (words.size() == 2) {
    if (!words[1].starts_with('[') || !words[1].ends_with(']')) return std::nullopt;
    frame.module = std::string(words[1].substr(1, words[1].size() - 2));
  }
  return frame;
}

std::optional<Stack> parse_stack_file(std::string_view text, std::string where) {
  Stack stack;
  stack.origin = StackOrigin::proc_stack;
  stack.where = std::move(where);
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    // Kernels before 5.2 end each stack with a line that is no frame.
    if (line.empty() || line.ends_with("0xffffffffffffffff")) continue;
    std::optional<Frame> frame = parse_stack_line(line);
    if (!frame) return std::nullopt;
    stack.frames.push_back(std::move(*frame));
  }
  return stack;
}

const std::string& CgroupPaths::best() const {
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

std::string container_id(std::string_view cgroup_path) {
  constexpr std::size_t k_digits = 64;
  std::string found;
  for (std::size_t at = 0; at < cgroup_path.size();) {
    std::size_t end = at;
    while (end < cgroup_path.size() && is_hex(cgroup_path[end])) ++end;
    // The last one wins: with containers in containers, the inner one.
    if (end - at == k_digits) found = std::string(cgroup_path.substr(at, k_digits));
    at = end + 1;
  }
  return found;
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

Reading<Preemption> parse_preemption(std::string_view version, std::string_view sched_preempt) {
  for (const std::string_view word : split_words(version))
    if (word == "PREEMPT" || word == "PREEMPT_RT") return Preemption::full;
  for (const std::string_view word : split_words(trim(sched_preempt))) {
    if (word == "(none)") return Preemption::none;
    if (word == "(voluntary)") return Preemption::voluntary;
    if (word == "(full)" || word == "(lazy)") return Preemption::full;
  }
  return Absence::not_asked;
}

std::string kmsg_to_lines(std::string_view records) {
  std::string out;
  while (!records.empty()) {
    const std::string_view line = take_line(records);
    const std::size_t semicolon = line.find(';');
    if (line.starts_with(' ') || semicolon == std::string_view::npos) continue;  // " KEY=value" of a device
    std::string_view head = line.substr(0, semicolon);
    std::uint64_t microseconds = 0;
    for (int field = 0; field < 3; ++field) {
      const std::size_t comma = std::min(head.find(','), head.size());
      if (field == 2) microseconds = parse_number<std::uint64_t>(head.substr(0, comma)).value_or(0);
      head.remove_prefix(std::min(comma + 1, head.size()));
    }
    out += fmt::format("[{:5}.{:06}] {}\n", microseconds / 1000000, microseconds % 1000000,
                       unescape(line.substr(semicolon + 1)));
  }
  return out;
}

}  // namespace unzap
