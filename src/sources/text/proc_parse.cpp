// SPDX-License-Identifier: Apache-2.0
#include "sources/text/proc_parse.hpp"

#include <algorithm>
#include <array>

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

bool ends_path(char c) {
  return is_blank(c) || c == '"' || c == '\'' || c == ')' || c == ';' || c == ',' || c == '|' || c == '`' ||
         c == '>' || c == '&' || c == ':';
}

/// A number or a pattern that stands for one, up to the next '/'.
bool eat_id(std::string_view& text, Reading<std::int32_t>& id) {
  std::string_view rest = text;
  const std::string_view word =
      eat_while(rest, [](char c) { return c != '/' && (!ends_path(c) || c == '>' || c == ')'); });
  if (word.empty()) return false;
  if (const auto number = task_number(parse_number<std::int32_t>(word))) {
    id = *number;
  } else if (is_letter(word[0]) && word != "PID" && word != "pid" && word != "N" && word != "self") {
    return false;  // /proc/sys, /proc/mounts
  }
  text = rest;
  return true;
}

bool is_known_command(std::string_view word) {
  constexpr std::array<std::string_view, 41> k_commands = {
      "sudo",    "cat",        "ps",      "ls",       "for",    "while", "uname",  "grep", "egrep",
      "head",    "tail",       "echo",    "dmesg",    "watch",  "date",  "pstree", "top",  "docker",
      "kubectl", "journalctl", "nsenter", "readlink", "strace", "gdb",   "pstack", "lsns", "find",
      "xargs",   "crictl",     "ctr",     "awk",      "kill",   "zgrep", "more",   "less", "mount",
      "umount",  "sync",       "cd",      "lsof",     "fuser"};
  return std::find(k_commands.begin(), k_commands.end(), word) != k_commands.end();
}

}  // namespace

std::optional<ProcPath> parse_proc_path(std::string_view line, std::size_t from) {
  constexpr std::string_view k_root = "/proc/";
  for (std::size_t at = line.find(k_root, from); at != std::string_view::npos;
       at = line.find(k_root, at + 1)) {
    ProcPath out;
    out.begin = at;
    std::string_view rest = line.substr(at + k_root.size());
    if (!eat_id(rest, out.pid)) continue;
    if (rest.starts_with("/task/") && rest.size() > 6 && !ends_path(rest[6])) {
      std::string_view thread = rest.substr(6);
      if (eat_id(thread, out.tid)) {
        out.in_task = true;
        rest = thread;
      }
    }
    if (eat(rest, "/")) out.file = eat_while(rest, [](char c) { return !ends_path(c); });
    while (out.file.ends_with('/')) out.file.remove_suffix(1);
    out.end = static_cast<std::size_t>(rest.data() - line.data());
    return out;
  }
  return std::nullopt;
}

std::optional<CgroupPath> parse_cgroup_path(std::string_view line) {
  constexpr std::array<std::string_view, 7> k_files = {
      "freezer.state", "freezer.self_freezing", "cgroup.freeze",          "cgroup.events",
      "cgroup.procs",  "cgroup.threads",        "freezer.parent_freezing"};
  for (const std::string_view file : k_files) {
    const std::size_t at = line.find(file);
    if (at == std::string_view::npos) continue;
    CgroupPath out;
    out.file = file;
    out.end = at + file.size();
    out.begin = at;
    while (out.begin > 0 && !ends_path(line[out.begin - 1]) && line[out.begin - 1] != '(') --out.begin;
    std::string_view path = line.substr(out.begin, at - out.begin);
    if (path.ends_with('/')) path.remove_suffix(1);
    if (file.starts_with("freezer") || contains(path, "/freezer")) out.version = 1;
    for (const std::string_view mount : {"/sys/fs/cgroup/freezer", "/sys/fs/cgroup/unified", "/sys/fs/cgroup",
                                         "/cgroup/freezer", "/dev/freezer"})
      if (eat(path, mount)) break;
    out.cgroup = path.empty() && out.begin != at ? std::string_view("/") : path;
    return out;
  }
  return std::nullopt;
}

std::optional<CommandLine> parse_command_line(std::string_view text) {
  std::string_view rest = text;
  if (eat(rest, "# ") || eat(rest, "$ ") || eat(rest, "% "))
    return CommandLine{text.substr(0, 2), trim(rest)};
  // "root@host:~# cat", "[root@host ns]# cat", "host ~ $ cat"
  const std::string_view front = text.substr(0, 96);
  for (const std::string_view mark : {"# ", "$ ", "% "}) {
    const std::size_t at = front.find(mark);
    if (at == std::string_view::npos) continue;
    const std::string_view prompt = text.substr(0, at);
    std::string_view first = text.substr(at + 2);
    const bool known = is_known_command(eat_word(first));
    if (prompt.find('@') == std::string_view::npos && !(prompt.starts_with('[') && prompt.ends_with(']')) &&
        !prompt.ends_with('~') && !known)
      continue;
    if (std::count(prompt.begin(), prompt.end(), ' ') > (known ? 2 : 4)) continue;
    return CommandLine{text.substr(0, at + 2), trim(text.substr(at + 2))};
  }
  if (is_known_command(eat_word(rest)) && !rest.empty()) return CommandLine{{}, text};
  return std::nullopt;
}

}  // namespace unzap::text
