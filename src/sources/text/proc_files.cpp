// SPDX-License-Identifier: Apache-2.0
#include "sources/text/proc_files.hpp"

#include <algorithm>

#include "linux/cgroup.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_stat.hpp"
#include "linux/task_state.hpp"
#include "snapshot/container.hpp"
#include "util/scan.hpp"

namespace unzap::text {

ProcFiles::File ProcFiles::file_of(std::string_view name) {
  if (name == "stack") return File::stack;
  if (name == "status") return File::status;
  if (name == "stat") return File::stat;
  if (name == "wchan") return File::wchan;
  if (name == "syscall") return File::syscall;
  if (name == "cgroup") return File::cgroup;
  if (name == "comm") return File::comm;
  if (name == "task") return File::task_list;
  if (name.starts_with("ns")) return File::ns;
  return File::none;
}

void ProcFiles::enter(const ProcPath& path, std::size_t line) {
  finish();
  path_ = path;
  path_.file = {};  // a view into a line that will be gone
  file_ = file_of(path.file);
  entered_ = line;
  content_seen_ = false;
  if (path.file.empty() && path.in_task && !path.tid) file_ = File::task_list;
  const bool folder =
      path.file.empty() && (path.in_task ? static_cast<bool>(path.tid) : static_cast<bool>(path.pid));
  if (path.tid || (path.pid && !path.in_task && file_ != File::none)) {
    const TaskRef ref = context_task(line);
    if (path.pid && path.in_task) builder_.at(ref).tgid = path.pid;
  }
  if (file_ == File::stack || folder) {  // a loop over folders may print each before what it reads there
    StackOwner owner{.origin = StackOrigin::proc_stack};
    if (path.tid || (path.pid && !path.in_task)) owner.task = context_task(line);
    if (path.in_task) owner.tgid = path.pid;
    stacks_.open(owner, line);
  }
}

void ProcFiles::enter(const CgroupPath& path) {
  finish();
  path_ = {};
  cgroup_ = std::string(path.cgroup);
  cgroup_version_ = path.version;
  content_seen_ = false;
  if (path.file == "freezer.state")
    file_ = File::freezer_state;
  else if (path.file == "cgroup.freeze")
    file_ = File::freeze;
  else if (path.file == "cgroup.events")
    file_ = File::events;
  else if (path.file == "cgroup.procs" || path.file == "cgroup.threads")
    file_ = File::members;
  else
    file_ = File::none;
}

TaskRef ProcFiles::context_task(std::size_t line) {
  if (path_.in_task && path_.tid) return builder_.task(*path_.tid, line);
  if (!path_.in_task && path_.pid) return builder_.task(*path_.pid, line);
  return builder_.unnamed_task(line);
}

bool ProcFiles::take_error(std::string_view text, const ProcPath& path, std::size_t line) {
  Absence why = Absence::not_asked;
  if (contains(text, "Permission denied") || contains(text, "not permitted"))
    why = Absence::not_permitted;
  else if (contains(text, "No such file") || contains(text, "No such process"))
    why = Absence::gone;
  else
    return false;
  ProcPath named = path;
  while (named.file.ends_with(':')) named.file.remove_suffix(1);
  if (!path.tid && (!path.pid || path.in_task)) return true;
  const TaskRef ref = builder_.task(path.tid ? *path.tid : *path.pid, line);
  Task& task = builder_.at(ref);
  const auto set = [&](auto& field) {
    if (!field) field = why;
  };
  switch (file_of(named.file)) {
    case File::stack: set(task.stack); break;
    case File::wchan: set(task.wchan); break;
    case File::syscall: set(task.syscall); break;
    case File::ns:
      if (named.file == "ns/mnt") set(task.mnt_ns);
      if (named.file == "ns/pid") set(task.pid_ns);
      break;
    default: break;
  }
  return true;
}

bool ProcFiles::take_header(const Line& line) {
  const std::string_view text = line.text;
  const auto path = parse_proc_path(text);
  if (!path) {
    const auto cgroup = parse_cgroup_path(text);
    if (!cgroup || cgroup->begin == cgroup->end) return false;
    if (cgroup->begin > 8 || cgroup->cgroup.empty()) return false;
    enter(*cgroup);
    std::string_view content = text.substr(cgroup->end);
    if (eat(content, ":") && !trim(content).empty()) take_freezer(trim(content), line.number);
    builder_.used();
    return true;
  }
  if (contains(text.substr(0, path->begin), "(\"")) return false;  // strace
  const std::string_view behind = text.substr(path->end);
  if (take_error(text, *path, line.number)) {
    builder_.used();
    return true;
  }
  if (path->begin > 24) return false;
  // "/proc/1/stack:[<0>] f", "/proc/1/status Name: x": each line of the file carries the path.
  const std::string_view inner = trim(behind.substr(behind.starts_with(':') ? 1 : 0));
  const bool has_content = path->begin == 0 && !inner.empty();
  const bool same = has_content && file_ == file_of(path->file) && path->pid == path_.pid &&
                    path->tid == path_.tid && path->in_task == path_.in_task &&
                    (file_ != File::stack || stacks_.is_open());
  if (!same) enter(*path, line.number);
  builder_.used();
  if (!has_content) return true;
  Line content = line;
  content.text = content.raw = inner;
  if (file_ == File::stack)
    stacks_.take(content, {});
  else
    take_content(content);
  return true;
}

void ProcFiles::command(const CommandLine& command, std::size_t line) {
  finish();
  file_ = File::none;
  path_ = {};
  if (auto path = parse_proc_path(command.command)) {
    // Of several files in one command any may have been empty: nobody knows which stack is whose.
    const auto second = parse_proc_path(command.command, path->end);
    if (second && second->file == path->file && (second->pid != path->pid || second->tid != path->tid))
      path->pid = path->tid = {};
    enter(*path, line);
    if (contains(command.command, "| wc") || contains(command.command, "grep -c")) file_ = File::none;
    builder_.used();
  } else if (const auto cgroup = parse_cgroup_path(command.command)) {
    enter(*cgroup);
    builder_.used();
    const std::string_view rest = command.command;
    const bool writes = contains(rest.substr(0, cgroup->begin), ">");
    if (writes && cgroup->file == "cgroup.freeze")
      builder_.cgroup(cgroup_, 2, line).freeze_asked = contains(rest.substr(0, cgroup->begin), "1");
    if (writes) file_ = File::none;
  } else if (contains(command.command, "uname -r")) {
    file_ = File::release;
  }
  entered_ = line;
}

void ProcFiles::shell_is_back(std::size_t line) {
  constexpr std::size_t k_most_between = 2;
  const bool named = path_.in_task ? static_cast<bool>(path_.tid) : static_cast<bool>(path_.pid);
  if (file_ != File::stack || !named || !stacks_.is_open() || stacks_.in_trace() ||
      line - entered_ > k_most_between)
    return;
  Task& task = builder_.at(context_task(line));
  if (!task.stack) task.stack = Absence::task_running;
}

bool ProcFiles::take_task_list(std::string_view text, std::size_t line) {
  bool any = false;
  std::string_view rest = text;
  if (text.starts_with("dr-x") || text.starts_with("total ")) {  // ls -l
    const std::size_t at = text.rfind(' ');
    rest = text.substr(at + 1);
    if (!task_number(parse_number<std::int32_t>(rest))) return true;
  }
  for (std::string_view words = rest;;) {
    const std::string_view word = eat_word(words);
    if (word.empty()) break;
    if (!task_number(parse_number<std::int32_t>(word))) return any;
    any = true;
  }
  for (;;) {
    const auto tid = parse_number<std::int32_t>(eat_word(rest));
    if (!tid) break;
    Task& task = builder_.at(builder_.task(*tid, line));
    if (path_.pid) task.tgid = path_.pid;
  }
  return any;
}

/// "lrwxrwxrwx 1 root root 0 Feb  9 17:12 pid -> pid:[4026532278]", "pid:[4026532278]".
bool ProcFiles::take_namespace(std::string_view text, std::size_t line) {
  if (text.find(":[") == std::string_view::npos)
    return text.starts_with("lrwx") || text.starts_with("total") || text.starts_with("dr");
  const auto link = find_namespace_link(text);
  if (!link) return false;
  Task& task = builder_.at(context_task(line));
  if (link->kind == "pid") task.pid_ns = link->inode;
  if (link->kind == "mnt") task.mnt_ns = link->inode;
  return true;
}

bool ProcFiles::take_freezer(std::string_view text, std::size_t line) {
  if (file_ == File::members) {
    const auto tid = task_number(parse_number<std::int32_t>(text));
    if (!tid) return false;
    Task& task = builder_.at(builder_.task(*tid, line));
    if (!task.cgroup) task.cgroup = cgroup_;
    return true;
  }
  if (file_ == File::freezer_state) {
    if (text != "FROZEN" && text != "FREEZING" && text != "THAWED") return false;
    CgroupState& state = builder_.cgroup(cgroup_, 1, line);
    state.freeze_asked = text != "THAWED";
    state.frozen = text == "FROZEN";
    return true;
  }
  if (file_ == File::freeze) {
    if (text != "0" && text != "1") return false;
    builder_.cgroup(cgroup_, 2, line).freeze_asked = text == "1";
    return true;
  }
  if (file_ != File::events) return false;
  if (text == "frozen 0" || text == "frozen 1")
    builder_.cgroup(cgroup_, 2, line).frozen = text.ends_with('1');
  else
    return text.starts_with("populated ");
  return true;
}

bool ProcFiles::take_stat(const Line& line) {
  const auto stat = parse_cut_stat(line.text);
  if (!stat) return false;
  const TaskRef ref = builder_.task(stat->tid, line.number);
  Task& task = builder_.at(ref);
  builder_.offer_comm(ref, stat->comm, CommSource::kernel);
  builder_.offer_state(ref, stat->state, StateSource::look);
  task.ppid = stat->ppid;
  const auto set = [](auto& field, const auto& value) {
    if (value) field = value;
  };
  set(task.flags, stat->flags);
  set(task.threads, stat->threads);
  set(task.start_ticks, stat->start_ticks);
  set(task.has_mm, stat->has_mm);
  set(task.processor, stat->processor);
  if (stat->utime_ticks && stat->stime_ticks) {
    TaskSample sample{line.at.value_or(0), stat->state, *stat->utime_ticks, *stat->stime_ticks, {}};
    // Without times two looks give no rate: the later one stands.
    if (!line.at) task.samples.clear();
    if (task.samples.size() < 1000) task.samples.push_back(sample);
  }
  return true;
}

bool ProcFiles::take_status(const Line& line) {
  const bool context = file_ == File::status || status_.any;
  const bool begins =
      line.text.starts_with("Name:") || line.text.starts_with("State:") || is_status_line(line.text);
  if (!context && !begins) return false;
  if (status_.take(line.text)) {
    if (status_line_ == 0) status_line_ = line.number;
    return true;
  }
  if (!status_.any || !begins) return false;
  flush_status();
  status_line_ = line.number;
  return status_.take(line.text);
}

void ProcFiles::flush_status() {
  StatusBlock block = std::move(status_);
  status_ = {};
  const std::size_t line = std::exchange(status_line_, 0);
  if (!block.any) return;
  const bool named = block.tid || (file_ == File::status && (path_.tid || (path_.pid && !path_.in_task)));
  if (!named && !block.state && !block.pending_shared && !block.pending_private) return;
  const auto tid = task_number(block.tid ? std::optional(*block.tid) : std::nullopt);
  const TaskRef ref = tid     ? builder_.task(*tid, line)
                      : named ? context_task(line)
                              : builder_.unnamed_task(line);
  Task& task = builder_.at(ref);
  if (block.name) builder_.offer_comm(ref, *block.name, CommSource::kernel);
  if (block.state) builder_.offer_state(ref, *block.state, StateSource::look);
  put_status(block, task);
  if (!task.tgid && path_.in_task && path_.pid) task.tgid = path_.pid;
  if (const auto switches = block.switches(); switches && !task.samples.empty())
    task.samples.back().switches = switches;
}

bool ProcFiles::take_wchan(std::string_view text, std::size_t line) {
  if (content_seen_ && path_.pid) return false;
  const std::string_view symbol = text.substr(0, text.find_first_of(" \t@["));
  if (symbol.empty() ||
      !std::all_of(symbol.begin(), symbol.end(), [](char c) { return is_symbol(c) && c != '$'; }))
    return false;
  Task& task = builder_.at(context_task(line));
  if (symbol != "0") task.wchan = std::string(plain_symbol(symbol));  // 0: it does not sleep
  return true;
}

bool ProcFiles::take_cgroup(std::string_view text, std::size_t line) {
  const auto cgroup = parse_cgroup_line(text);
  if (!cgroup) return false;
  Task& task = builder_.at(context_task(line));
  const bool better = cgroup->unified() || cgroup->freezer() || cgroup->systemd();
  const std::string_view id = container_id(cgroup->path);
  if (!id.empty() && (!task.container || better)) task.container = std::string(id);
  if (!task.cgroup || (better && cgroup->path != "/")) task.cgroup = std::string(cgroup->path);
  return true;
}

bool ProcFiles::take_named(const Line& line) {
  std::string_view text = line.text;
  switch (file_) {
    case File::task_list: return take_task_list(text, line.number);
    case File::ns: return take_namespace(text, line.number);
    case File::freezer_state:
    case File::freeze:
    case File::events:
    case File::members: return take_freezer(text, line.number);
    case File::wchan: return take_wchan(text, line.number);
    case File::syscall: {
      if (content_seen_ && path_.pid) return false;
      if (text != "running" && !is_digit(text[0]) && !text.starts_with("-1 ")) return false;
      builder_.at(context_task(line.number)).syscall = std::string(text.substr(0, 256));
      return true;
    }
    case File::comm:
      if (content_seen_ || text.size() > 64) return false;
      builder_.offer_comm(context_task(line.number), text, CommSource::kernel);
      return true;
    case File::cgroup: return take_cgroup(text, line.number);
    case File::release:
      if (content_seen_ || !is_digit(text[0]) || contains(text, " ")) return false;
      if (!builder_.host().kernel_release) builder_.host().kernel_release = std::string(text);
      return true;
    default: return false;
  }
}

bool ProcFiles::take_content(const Line& line) {
  if (line.text.empty()) return false;
  bool taken = take_named(line);
  if (taken) content_seen_ = true;
  if (!taken && is_digit(line.text[0])) taken = take_stat(line);
  if (!taken && is_upper(line.text[0])) taken = take_status(line);
  if (!taken && line.text[0] == 'n' && status_.any) taken = take_status(line);
  if (!taken && line.text[0] == 'v' && status_.any) taken = take_status(line);
  if (taken) builder_.used();
  return taken;
}

void ProcFiles::finish() {
  flush_status();
}

}  // namespace unzap::text
