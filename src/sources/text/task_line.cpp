// SPDX-License-Identifier: Apache-2.0
// The lines inside a report that name a task or a kernel.
#include <algorithm>

#include "linux/task_state.hpp"
#include "sources/text/reports.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

template <class T>
Reading<T> reading(std::optional<T> value) {
  return value ? Reading<T>(*value) : Reading<T>();
}

std::optional<TaskLine> keyed_task_line(std::string_view text) {
  const std::size_t at = text.rfind("state:");
  if (at == std::string_view::npos) return std::nullopt;
  TaskLine out;
  out.comm = trim(text.substr(0, at));
  std::string_view rest = text.substr(at + 6);
  skip_blanks(rest);
  if (rest.empty()) return std::nullopt;
  out.state = is_task_state(rest[0]) ? rest[0] : '?';
  const auto tid = number_after(rest, "pid:");
  if (!tid || *tid < 0) return std::nullopt;
  out.tid = *tid;
  out.tgid = reading(number_after(rest, "tgid:"));
  out.ppid = reading(number_after(rest, "ppid:"));
  std::string_view flags = after(rest, "task_flags:");
  out.task_flags = reading(eat_hex(flags));
  return out;
}

/// "docker          D ffff8800b5c07cc8     0  1181      1 0x00000000", with or without the PC; read from the
/// right, for the name on the left may hold blanks.
std::optional<TaskLine> tabular_task_line(std::string_view text) {
  std::string_view flags = eat_last_word(text);
  if (flags.size() < 10 || !eat_hex(flags) || !flags.empty()) return std::nullopt;
  const auto ppid = parse_number<std::int32_t>(eat_last_word(text));
  const auto tid = parse_number<std::int32_t>(eat_last_word(text));
  const auto stack = parse_number<std::uint32_t>(eat_last_word(text));
  if (!ppid || !tid || !stack) return std::nullopt;
  std::string_view word = eat_last_word(text);
  if (word == "task") {  // "running task"
    eat_last_word(text);
    word = eat_last_word(text);
  }
  if (word.size() >= 8 && parse_number<std::uint64_t>(word, 16)) word = eat_last_word(text);
  if (word.size() != 1 || !is_task_state(word[0])) return std::nullopt;
  TaskLine out;
  out.comm = trim(text);
  out.state = word[0];
  out.tid = *tid;
  out.ppid = *ppid;
  if (out.comm.empty() || out.comm.size() > 32) return std::nullopt;
  return out;
}

/// `text` begins with a release and goes on with "#1 SMP ...".
std::optional<KernelName> release_and_version(std::string_view text) {
  KernelName out;
  out.release = eat_word(text);
  if (out.release.empty() || !is_digit(out.release[0]) || !contains(out.release, ".")) return std::nullopt;
  if (const std::size_t at = text.find('#'); at != std::string_view::npos) {
    out.version = trim(text.substr(at));
    for (const std::string_view machine :
         {" x86_64", " aarch64", " s390x", " ppc64le", " armv7l", " riscv64", " i686", " GNU/Linux"})
      if (const std::size_t cut = out.version.find(machine); cut != std::string_view::npos)
        out.version = out.version.substr(0, cut);
  }
  return out;
}

}  // namespace

std::optional<TaskLine> parse_task_line(std::string_view text) {
  if (eat(text, "task:")) return keyed_task_line(text);
  return tabular_task_line(text);
}

std::optional<CpuLine> parse_cpu_line(std::string_view text) {
  if (eat(text, "PID: ")) {
    skip_blanks(text);
    const auto tid = eat_number(text);
    const auto cpu = number_after(text, "CPU: ");
    std::string_view comm = after(text, "COMMAND: \"");
    if (!tid || !contains(text, "TASK: ") || comm.empty()) return std::nullopt;
    return CpuLine{reading(cpu), *tid, comm.substr(0, comm.find('"'))};
  }
  if (eat(text, "Pid: ")) {
    const auto tid = eat_number(text);
    std::string_view comm = after(text, "comm: ");
    comm = comm.substr(0, std::min(comm.find(" Tainted: "), comm.find(" Not tainted")));
    if (!tid || comm.empty()) return std::nullopt;
    return CpuLine{{}, *tid, trim(comm)};
  }
  if (!eat(text, "CPU: ") && !eat(text, "CPU:")) return std::nullopt;
  skip_blanks(text);
  const auto cpu = eat_number(text);
  const auto tid = number_after(text, "PID: ");
  if (!cpu || !tid) return std::nullopt;
  CpuLine out{*cpu, *tid, {}};
  std::string_view comm = after(text, "Comm: ");
  std::size_t end = comm.size();
  for (const std::string_view stop : {" Kdump: ", " Tainted: ", " Not tainted"})
    end = std::min(end, comm.find(stop));
  out.comm = trim(comm.substr(0, end));
  return out;
}

std::optional<KernelName> parse_taint(std::string_view text) {
  std::size_t at = text.find("Not tainted ");
  if (at != std::string_view::npos) {
    text.remove_prefix(at + 12);
  } else {
    at = text.find("Tainted: ");
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + 9);
  }
  // The taint letters, one for each flag, then the release.
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view before = rest;
    const std::string_view word = eat_word(rest);
    if (word.empty()) break;
    if (is_digit(word[0]) && contains(word, ".")) return release_and_version(before);
    if (word.size() > 24) break;
  }
  return std::nullopt;
}

std::optional<KernelName> parse_kernel_name(std::string_view text) {
  if (!eat(text, "Linux ")) return std::nullopt;
  if (eat(text, "version ")) return release_and_version(text);
  const std::string_view host = eat_word(text);
  skip_blanks(text);
  if (!contains(text, "#")) return std::nullopt;
  auto out = release_and_version(text);
  if (out) out->host = host;
  return out;
}

}  // namespace unzap::text
