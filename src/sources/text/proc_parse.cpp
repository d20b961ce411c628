// SPDX-License-Identifier: Apache-2.0
#include "sources/text/proc_parse.hpp"

#include <algorithm>
#include <array>

#include "sources/text/scan.hpp"

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

template <class Int>
Reading<Int> reading(std::optional<Int> value) {
  return value ? Reading<Int>(*value) : Reading<Int>();
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
      if (eat_id(thread, out.tid)) out.in_task = true, rest = thread;
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

std::optional<StatLine> parse_stat_line(std::string_view text) {
  std::string_view rest = text;
  const auto tid = task_number(eat_number(rest));
  const std::size_t close = rest.rfind(')');
  if (!tid || !rest.starts_with(" (") || close == std::string_view::npos || close > 70) return std::nullopt;
  StatLine out;
  out.tid = *tid;
  out.comm = rest.substr(2, close - 2);
  rest.remove_prefix(close + 1);
  const std::string_view state = eat_word(rest);
  if (state.size() != 1 || !is_state(state[0])) return std::nullopt;
  out.state = state[0];
  const auto ppid = parse_number<std::int32_t>(eat_word(rest));
  if (!ppid) return std::nullopt;
  out.ppid = *ppid;
  std::uint64_t start_vsize = 0;
  for (int field = 5; field <= 39; ++field) {
    const std::string_view word = eat_word(rest);
    if (word.empty()) break;
    const auto value = parse_number<std::uint64_t>(word);
    if (!value && !word.starts_with('-')) break;
    if (!value) continue;
    switch (field) {
      case 9: out.flags = *value; break;
      case 14: out.utime_ticks = *value; break;
      case 15: out.stime_ticks = *value; break;
      case 20: out.threads = reading(parse_number<std::int32_t>(word)); break;
      case 22: out.start_ticks = *value; break;
      case 23: start_vsize = *value; break;
      // A task without memory map shows zeros here; rsslim alone is never zero.
      case 25: out.has_mm = start_vsize != 0; break;
      case 39: out.processor = reading(parse_number<std::int32_t>(word)); break;
      default: break;
    }
  }
  return out;
}

bool is_status_line(std::string_view line) {
  for (const std::string_view key :
       {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "NSpid:", "NStgid:", "TracerPid:",
        "CoreDumping:", "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:", "VmRSS:", "VmSize:",
        "VmPeak:", "FDSize:", "Ngid:", "SigQ:"})
    if (line.starts_with(key)) return true;
  return false;
}

bool StatusBlock::take_number(std::string_view key, std::string_view value) {
  struct Small {
    std::string_view key;
    Reading<std::int32_t> StatusBlock::*field;
  };
  struct Large {
    std::string_view key;
    Reading<std::uint64_t> StatusBlock::*field;
    int base;
  };
  constexpr Small k_small[] = {{"Pid", &StatusBlock::tid},
                               {"Tgid", &StatusBlock::tgid},
                               {"PPid", &StatusBlock::ppid},
                               {"TracerPid", &StatusBlock::tracer_pid},
                               {"Threads", &StatusBlock::threads}};
  constexpr Large k_large[] = {{"SigPnd", &StatusBlock::pending_private, 16},
                               {"ShdPnd", &StatusBlock::pending_shared, 16},
                               {"SigBlk", &StatusBlock::blocked, 16},
                               {"SigIgn", &StatusBlock::ignored, 16},
                               {"voluntary_ctxt_switches", &StatusBlock::voluntary, 10},
                               {"nonvoluntary_ctxt_switches", &StatusBlock::nonvoluntary, 10}};
  const std::string_view number = value.substr(0, value.find_first_of(" \t,"));
  for (const Small& known : k_small)
    if (known.key == key) {
      if (this->*known.field) return false;
      this->*known.field = reading(parse_number<std::int32_t>(number));
      return true;
    }
  for (const Large& known : k_large)
    if (known.key == key) {
      if (this->*known.field) return false;
      this->*known.field = reading(parse_number<std::uint64_t>(number, known.base));
      last_seen |= key.starts_with("non");
      return true;
    }
  return false;
}

bool StatusBlock::take_text(std::string_view key, std::string_view value) {
  if (key == "Name") {
    if (name) return false;
    name = std::string(value);
  } else if (key == "State") {
    if (state || value.empty() || !is_state(value[0])) return false;
    state = value[0];
  } else if (key == "CoreDumping") {
    core_dumping = value == "1";
  } else if (key == "NSpid") {
    if (ns_pids) return false;
    constexpr std::size_t k_deepest = 33;  // namespaces nest 32 deep
    std::vector<std::int32_t> pids;
    for (const std::string_view word : split_words(value))
      if (const auto pid = parse_number<std::int32_t>(word); pid && pids.size() < k_deepest)
        pids.push_back(*pid);
    ns_pids = std::move(pids);
  } else if (key.starts_with("Vm") || key.starts_with("Rss")) {
    vm_seen = true;
  } else {
    return false;
  }
  return true;
}

bool StatusBlock::take(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon > 32) return false;
  const std::string_view key = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (take_number(key, value) || take_text(key, value)) return any = true;
  constexpr std::array<std::string_view, 32> k_others = {"Umask",
                                                         "Ngid",
                                                         "Uid",
                                                         "Gid",
                                                         "FDSize",
                                                         "Groups",
                                                         "NStgid",
                                                         "NSpgid",
                                                         "NSsid",
                                                         "Kthread",
                                                         "HugetlbPages",
                                                         "THP_enabled",
                                                         "untag_mask",
                                                         "SigQ",
                                                         "SigCgt",
                                                         "CapInh",
                                                         "CapPrm",
                                                         "CapEff",
                                                         "CapBnd",
                                                         "CapAmb",
                                                         "NoNewPrivs",
                                                         "Seccomp",
                                                         "Seccomp_filters",
                                                         "Speculation_Store_Bypass",
                                                         "SpeculationIndirectBranch",
                                                         "Cpus_allowed",
                                                         "Cpus_allowed_list",
                                                         "Mems_allowed",
                                                         "Mems_allowed_list",
                                                         "x86_Thread_features",
                                                         "x86_Thread_features_locked",
                                                         "ShadowStack"};
  return std::find(k_others.begin(), k_others.end(), key) != k_others.end();
}

}  // namespace unzap::text
