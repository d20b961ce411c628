// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/testing.hpp"

#include "util/text.hpp"

namespace unzap::testing {

Stack stack_of(const std::string& functions, StackOrigin origin) {
  Stack stack;
  stack.origin = origin;
  for (std::string_view word : split_words(functions)) {
    Frame frame;
    frame.guess = word.front() == '?';
    if (frame.guess) word.remove_prefix(1);
    if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
      frame.module = word.substr(0, colon);
      word.remove_prefix(colon + 1);
    }
    frame.function = word;
    stack.frames.push_back(std::move(frame));
  }
  return stack;
}

TaskBuilder::TaskBuilder(std::int32_t tid, std::string comm, char state) {
  task.tid = tid;
  task.tgid = tid;
  task.comm = std::move(comm);
  task.state = state;
  task.where = "/proc/" + std::to_string(tid);
}

TaskBuilder& TaskBuilder::of(std::int32_t tgid) {
  task.tgid = tgid;
  return *this;
}

TaskBuilder& TaskBuilder::child_of(std::int32_t ppid) {
  task.ppid = ppid;
  return *this;
}

TaskBuilder& TaskBuilder::in(const std::string& functions, StackOrigin origin) {
  task.stack = stack_of(functions, origin);
  return *this;
}

TaskBuilder& TaskBuilder::numbers(std::vector<std::int32_t> ns_pids) {
  task.ns_pids = std::move(ns_pids);
  return *this;
}

TaskBuilder& TaskBuilder::exiting() {
  task.flags = k_pf_exiting;
  task.has_mm = false;
  return *this;
}

TaskBuilder& TaskBuilder::in_zap() {
  task.ignored = signal_bit(17);
  return *this;
}

TaskBuilder& TaskBuilder::on_cpu(std::int32_t cpu) {
  task.processor = cpu;
  task.stack = Absence::task_running;
  return *this;
}

TaskBuilder& TaskBuilder::blocked(double seconds) {
  task.blocked_seconds = seconds;
  return *this;
}

TaskBuilder& TaskBuilder::looks(double seconds, double system_percent, std::uint64_t switches) {
  const auto ticks = static_cast<std::uint64_t>(seconds * system_percent);
  const char state = task.state.value_or('?');
  task.samples = {{100.0, state, 7, 1000, Reading<std::uint64_t>(std::uint64_t{40})},
                  {100.0 + seconds, state, 7, 1000 + ticks, Reading<std::uint64_t>(40 + switches)}};
  return *this;
}

KernelEvent event(EventKind kind, const std::string& text, std::vector<std::int32_t> cpus) {
  KernelEvent out;
  out.kind = kind;
  out.text = text;
  out.cpus = std::move(cpus);
  out.where = "log:1";
  return out;
}

KernelEvent soft_lockup(std::int32_t tid, const std::string& comm, std::int32_t cpu,
                        const std::string& functions) {
  KernelEvent out = event(EventKind::soft_lockup,
                          "watchdog: BUG: soft lockup - CPU#" + std::to_string(cpu) + " stuck for 26s! [" +
                              comm + ":" + std::to_string(tid) + "]",
                          {cpu});
  out.tid = tid;
  out.comm = comm;
  out.duration_seconds = 26.0;
  if (!functions.empty()) out.stack = stack_of(functions, StackOrigin::soft_lockup);
  return out;
}

KernelEvent hung_task(std::int32_t tid, const std::string& comm, const std::string& functions) {
  KernelEvent out = event(EventKind::hung_task, "INFO: task " + comm + ":" + std::to_string(tid) +
                                                    " blocked for more than 120 seconds.");
  out.tid = tid;
  out.comm = comm;
  out.duration_seconds = 120.0;
  if (!functions.empty()) out.stack = stack_of(functions, StackOrigin::hung_task);
  return out;
}

Snapshot live(std::vector<Task> tasks, std::vector<KernelEvent> events) {
  Snapshot out;
  out.origin = Origin::live;
  out.all_tasks = true;
  out.tasks = std::move(tasks);
  out.events = std::move(events);
  return out;
}

Snapshot pasted(std::vector<Task> tasks, std::vector<KernelEvent> events) {
  Snapshot out = live(std::move(tasks), std::move(events));
  out.origin = Origin::text;
  out.all_tasks = false;
  return out;
}

std::string gist(const Diagnosis& diagnosis) {
  std::string out(name(diagnosis.verdict));
  const char* separator = ": ";
  for (const Finding& finding : diagnosis.findings) {
    out += separator + std::string(name(finding.cause)) + " " + std::string(name(finding.confidence));
    separator = ", ";
  }
  return out;
}

std::string gist(const NodeRef& node) {
  const std::string number = node.number ? std::to_string(*node.number) : "?";
  switch (node.kind) {
    case NodeKind::task: return node.name;
    case NodeKind::pid_namespace: return "pid namespace of " + node.name;
    case NodeKind::rcu_grace_period: return "RCU grace period";
    case NodeKind::cpu: return "CPU " + number;
    case NodeKind::tracer: return "tracer " + number;
    default: return node.name + node.object.text();
  }
}

Finding finding_of(const Diagnosis& diagnosis, CauseId cause) {
  for (const Finding& finding : diagnosis.findings)
    if (finding.cause == cause) return finding;
  return {};
}

}  // namespace unzap::testing
