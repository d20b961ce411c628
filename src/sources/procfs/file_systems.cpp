// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/file_systems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_tasks = 8;  // one tells of a jam what a thousand would

// Numbers of read, write, fsync and their like, by arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h.
#if defined(__x86_64__)
constexpr std::int32_t k_calls[] = {0, 1, 17, 18, 19, 20, 74, 75, 77, 285, 295, 296, 327, 328};
#elif defined(__aarch64__)
constexpr std::int32_t k_calls[] = {46, 47, 63, 64, 65, 66, 67, 68, 69, 70, 82, 83, 286, 287};
#else
constexpr std::int32_t k_calls[] = {-1};
#endif

std::optional<std::int32_t> mount_number(std::string_view fdinfo) {
  constexpr std::string_view k_key = "mnt_id:";
  const std::size_t at = fdinfo.find(k_key);
  if (at == std::string_view::npos) return std::nullopt;
  const auto words = split_words(fdinfo.substr(at + k_key.size()));
  return words.empty() ? std::nullopt : parse_number<std::int32_t>(words.front());
}

/// The tasks to ask, with the file each of them works on.
struct Asked {
  std::size_t place = 0;
  std::int32_t file = 0;
};

std::vector<Asked> to_ask(const std::set<std::size_t>& chosen, const std::vector<Task>& tasks) {
  std::vector<Asked> out;
  for (const std::size_t i : chosen) {
    const Task& task = tasks[i];
    if (out.size() == k_most_tasks || !task.state.is('D') || !task.syscall || task.blocked_read) continue;
    if (const auto file = file_of_call(*task.syscall)) out.push_back({i, *file});
  }
  return out;
}

}  // namespace

std::optional<std::int32_t> file_of_call(std::string_view syscall) {
  const auto words = split_words(syscall);
  if (words.size() < 2 || !words[1].starts_with("0x")) return std::nullopt;
  const auto call = parse_number<std::int32_t>(words[0]);
  if (!call || std::count(std::begin(k_calls), std::end(k_calls), *call) == 0) return std::nullopt;
  return parse_number<std::int32_t>(words[1].substr(2), 16);
}

std::optional<std::string> mount_of(std::string_view mountinfo, std::int32_t mount) {
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    const auto words = split_words(mountinfo.substr(0, end));
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    // 36 35 98:0 /root /mnt options [optional fields] - type source options
    if (words.size() < 7 || parse_number<std::int32_t>(words[0]) != mount) continue;
    const auto dash = std::find(words.begin() + 6, words.end(), "-");
    if (words.end() - dash < 3) return std::nullopt;
    return fmt::format("{} {} {} {}", words[4], *(dash + 1), words[2], *(dash + 2));
  }
  return std::nullopt;
}

void read_file_systems(Reader& reader, const std::set<std::size_t>& chosen, std::vector<Task>& tasks) {
  const std::vector<Asked> asked = to_ask(chosen, tasks);
  std::vector<ReadGroup> groups;
  for (const Asked& one : asked) {
    const Task& task = tasks[one.place];
    groups.push_back({fmt::format("{}/task/{}", *task.tgid, *task.tid),
                      {{ReadKind::file, fmt::format("fdinfo/{}", one.file)}, {ReadKind::file, "mountinfo"}}});
  }
  if (groups.empty()) return;
  const auto answers = reader.run(groups, "asking where they write");
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Reading<std::string>& out = tasks[asked[i].place].file_system;
    const Reading<std::string>& fdinfo = answers[i][0].text;
    const Reading<std::string>& mounts = answers[i][1].text;
    if (!fdinfo || !mounts) {
      out = fdinfo ? *mounts.absence() : *fdinfo.absence();
      continue;
    }
    const auto mount = mount_number(*fdinfo);
    if (const auto found = mount ? mount_of(*mounts, *mount) : std::nullopt) out = *found;
  }
}

}  // namespace unzap
