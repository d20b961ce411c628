// SPDX-License-Identifier: Apache-2.0
#include "sources/text/dump.hpp"

#include <fmt/format.h>

namespace unzap::text {
namespace {

template <class T>
void field(std::string& out, const char* name, const Reading<T>& value) {
  if (value) out += fmt::format(" {}={}", name, *value);
}

void text_field(std::string& out, const char* name, const Reading<std::string>& value) {
  if (value) out += fmt::format(" {}='{}'", name, *value);
}

void stack_field(std::string& out, const Reading<Stack>& stack) {
  if (stack)
    out += fmt::format(" {}:{{{}}}", name(stack->origin), dump(*stack));
  else if (*stack.absence() != Absence::not_asked)
    out += fmt::format(" stack=({})", name(*stack.absence()));
}

std::string dump(const Task& task) {
  std::string out = "task";
  field(out, "tid", task.tid);
  field(out, "tgid", task.tgid);
  field(out, "ppid", task.ppid);
  text_field(out, "comm", task.comm);
  field(out, "state", task.state);
  field(out, "start", task.start_ticks);
  if (task.flags) out += fmt::format(" flags={:x}", *task.flags);
  field(out, "cpu", task.processor);
  field(out, "threads", task.threads);
  field(out, "multi", task.multi_threaded);
  field(out, "mm", task.has_mm);
  field(out, "%cpu", task.cpu_percent);
  text_field(out, "wchan", task.wchan);
  text_field(out, "syscall", task.syscall);
  if (task.ns_pids) {
    out += " nspid=";
    for (const std::int32_t pid : *task.ns_pids) out += fmt::format("{}/", pid);
  }
  field(out, "pidns", task.pid_ns);
  field(out, "mntns", task.mnt_ns);
  if (task.mnt_ns.absence() && *task.mnt_ns.absence() == Absence::gone) out += " mntns=(gone)";
  field(out, "tracer", task.tracer_pid);
  if (task.pending_private) out += fmt::format(" sigpnd={:x}", *task.pending_private);
  if (task.pending_shared) out += fmt::format(" shdpnd={:x}", *task.pending_shared);
  if (task.ignored) out += fmt::format(" sigign={:x}", *task.ignored);
  field(out, "dumping", task.core_dumping);
  text_field(out, "cgroup", task.cgroup);
  field(out, "blocked", task.blocked_seconds);
  for (const TaskSample& sample : task.samples)
    out += fmt::format(" sample@{}={}+{}", sample.at_seconds, sample.utime_ticks, sample.stime_ticks);
  stack_field(out, task.stack);
  return out;
}

std::string dump(const KernelEvent& event) {
  std::string out(name(event.kind));
  field(out, "at", event.at_seconds);
  field(out, "seconds", event.duration_seconds);
  for (const std::int32_t cpu : event.cpus) out += fmt::format(" cpu{}", cpu);
  field(out, "tid", event.tid);
  text_field(out, "comm", event.comm);
  if (event.stack) out += " +stack";
  return out;
}

}  // namespace

std::string dump(const Stack& stack) {
  std::string out;
  for (const Frame& frame : stack.frames) {
    if (!out.empty()) out += ' ';
    out += frame.function;
    if (!frame.module.empty()) out += "[" + frame.module + "]";
    if (frame.guess) out += '?';
    if (frame.interrupt) out += '~';
  }
  return out;
}

std::string dump(const Snapshot& snapshot) {
  std::string out;
  std::string host;
  text_field(host, "name", snapshot.host.name);
  text_field(host, "release", snapshot.host.kernel_release);
  text_field(host, "version", snapshot.host.kernel_version);
  field(host, "cpus", snapshot.host.cpus);
  if (snapshot.host.preemption) host += fmt::format(" preempt={}", name(*snapshot.host.preemption));
  if (!host.empty()) out += "host" + host + "\n";
  for (const Task& task : snapshot.tasks) out += dump(task) + "\n";
  for (const KernelEvent& event : snapshot.events) out += dump(event) + "\n";
  for (const CgroupState& cgroup : snapshot.cgroups) {
    out += fmt::format("cgroup v{} {}", cgroup.version, cgroup.path);
    field(out, "asked", cgroup.freeze_asked);
    field(out, "frozen", cgroup.frozen);
    out += "\n";
  }
  for (const Problem& problem : snapshot.problems)
    out += fmt::format("problem {}: {}\n", problem.where, problem.text);
  return out;
}

}  // namespace unzap::text
