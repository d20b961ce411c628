// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/redact.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "linux/io_thread.hpp"
#include "sources/bundle/masks.hpp"
#include "sources/bundle/redact_words.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

using bundle::Masks;

// Without the flags of a task, these tell a kernel thread.
constexpr std::string_view k_kernel_prefixes[] = {
    "kworker/",  "ksoftirqd/", "migration/", "idle_inject/", "cpuhp/",     "watchdog/",  "rcu_",
    "rcuo",      "rcub/",      "rcuc/",      "rcuog/",       "kthreadd",   "kswapd",     "khugepaged",
    "kcompactd", "khungtaskd", "kauditd",    "kdevtmpfs",    "oom_reaper", "jbd2/",      "irq/",
    "writeback", "ksmd",       "netns",      "swapper/",     "kblockd",    "kintegrityd"};

bool io_uring_name(std::string_view comm) {
  const auto name = parse_io_thread_name(comm);
  return name && name->creator;
}

/// Which names of tasks are the kernel's own.
class KernelNames {
 public:
  explicit KernelNames(const Snapshot& snapshot) {
    for (const Task& task : snapshot.tasks)
      if (task.comm && task.flags) ((*task.flags & k_pf_kthread) != 0 ? kernel_ : user_).insert(*task.comm);
  }
  bool has(const std::string& comm) const {
    if (user_.contains(comm)) return false;
    return kernel_.contains(comm) || std::any_of(std::begin(k_kernel_prefixes), std::end(k_kernel_prefixes),
                                                 [&](auto prefix) { return comm.starts_with(prefix); });
  }

 private:
  std::set<std::string> kernel_;
  std::set<std::string> user_;
};

/// The device of "unregister_netdevice: waiting for X to become free. Usage count = 2", and that count.
std::pair<std::string_view, std::string_view> netdevice_of(std::string_view text) {
  constexpr std::string_view k_before = "waiting for ";
  constexpr std::string_view k_behind = " to become free";
  const std::size_t begin = text.find(k_before);
  const std::size_t end = text.find(k_behind);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin + k_before.size())
    return {};
  const std::string_view device = text.substr(begin + k_before.size(), end - begin - k_before.size());
  std::string_view count = text.substr(end + k_behind.size());
  count.remove_prefix(std::min(count.find_first_of("0123456789"), count.size()));
  return {device, count.substr(0, std::min(count.find_first_not_of("0123456789"), count.size()))};
}

class Redaction {
 public:
  explicit Redaction(const Snapshot& snapshot) : kernel_(snapshot) {}

  void host(Host& host);
  void names(Task& task) { comm(task.comm); }
  void names(KernelEvent& event) { comm(event.comm); }
  /// After all names are known: they may stand in any text.
  void rest(Task& task);
  void rest(KernelEvent& event);
  void rest(CgroupState& cgroup);
  void rest(Problem& problem);
  void rest(Symptom& symptom);

 private:
  void comm(Reading<std::string>& comm);
  void stack(Reading<Stack>& stack);
  std::string head_of(const KernelEvent& event);
  std::string netdevice_head(const KernelEvent& event);

  KernelNames kernel_;
  Masks masks_;
};

void Redaction::comm(Reading<std::string>& comm) {
  if (!comm || comm->empty() || io_uring_name(*comm) || bundle::is_runtime_comm(*comm)) return;
  const std::string mask = kernel_.has(*comm) ? masks_.kernel_thread(*comm) : masks_.of("comm", *comm);
  masks_.note_name(*comm, mask);
  comm = mask;
}

void Redaction::host(Host& host) {
  if (host.name) {
    masks_.note_name(*host.name, "host");
    host.name = std::string("host");
  }
  if (host.kernel_release) host.kernel_release = bundle::release_class(*host.kernel_release);
  if (host.kernel_version) host.kernel_version = bundle::kernel_version_class(*host.kernel_version);
  if (host.setup.machine && !bundle::is_machine(*host.setup.machine))
    host.setup.machine = masks_.of("machine", *host.setup.machine);
  if (WaitFix* fix = host.wait_fix.get()) {
    fix->source = masks_.place(fix->source);
    fix->steps.clear();  // texts of a disassembler: what they say stands in the kind
  }
}

void Redaction::stack(Reading<Stack>& stack) {
  if (!stack) return;
  Stack& value = *stack.get();
  value.where = masks_.place(value.where);
  for (Frame& frame : value.frames) {
    frame.function = masks_.symbol(frame.function, "function");
    frame.module = masks_.symbol(frame.module, "module");
  }
}

void Redaction::rest(Task& task) {
  if (task.wchan) task.wchan = masks_.symbol(*task.wchan, "function");
  if (task.syscall) task.syscall = bundle::syscall_number(*task.syscall);
  if (task.cgroup) task.cgroup = masks_.group_path(*task.cgroup);
  if (task.container) task.container = masks_.of("container", *task.container);
  if (task.work_dir) task.work_dir = masks_.path(*task.work_dir);
  if (task.file_system) task.file_system = masks_.of("mount", *task.file_system);
  if (task.blocked_read) task.blocked_read = masks_.path(*task.blocked_read);
  task.where = masks_.place(task.where);
  stack(task.stack);
}

std::string Redaction::netdevice_head(const KernelEvent& event) {
  const auto [device, count] = netdevice_of(event.text);
  return fmt::format("unregister_netdevice: waiting for {} to become free. Usage count = {}",
                     device == "lo" ? "lo" : masks_.of("netdev", device), count.empty() ? "?" : count);
}

/// The head line of a report, from what was parsed of it.
std::string Redaction::head_of(const KernelEvent& event) {
  const std::string cpus = event.cpus.empty() ? "?" : fmt::format("{}", fmt::join(event.cpus, ","));
  const std::string seconds = event.duration_seconds ? fmt::format("{}", *event.duration_seconds) : "?";
  const std::string comm = event.comm.value_or("?");
  const std::string tid = event.tid ? fmt::to_string(*event.tid) : "?";
  switch (event.kind) {
    case EventKind::soft_lockup:
      return fmt::format("watchdog: BUG: soft lockup - CPU#{} stuck for {}s! [{}:{}]", cpus, seconds, comm,
                         tid);
    case EventKind::hard_lockup: return fmt::format("watchdog: hard LOCKUP on cpu {}", cpus);
    case EventKind::rcu_stall: return fmt::format("rcu: INFO: stall detected, CPUs {}", cpus);
    case EventKind::rcu_expedited_stall:
      return fmt::format("rcu: INFO: expedited stall detected, CPUs {}", cpus);
    case EventKind::rcu_tasks_stall: return "rcu: INFO: rcu_tasks detected stalls on tasks";
    case EventKind::rcu_kthread_starved: return "rcu: kthread starved";
    case EventKind::hung_task:
      return fmt::format("INFO: task {}:{} blocked for more than {} seconds.", comm, tid, seconds);
    case EventKind::workqueue_lockup:
      return fmt::format("BUG: workqueue lockup - pool cpus={} stuck for {}s!", cpus, seconds);
    case EventKind::oom_kill: return fmt::format("Out of memory: Killed process {} ({})", tid, comm);
    case EventKind::netdevice_wait: return netdevice_head(event);
    case EventKind::freeze_failed: return "Freezing of tasks failed";
    case EventKind::task_state: return fmt::format("task:{} pid:{}", comm, tid);
    case EventKind::read_hangs: return fmt::format("a read of /proc/{}/cmdline does not come back", tid);
    case EventKind::oops:
    case EventKind::warning:
    case EventKind::other: break;
  }
  return masks_.sentence(event.text);
}

void Redaction::rest(KernelEvent& event) {
  event.text = head_of(event);
  event.where = masks_.place(event.where);
  stack(event.stack);
}

void Redaction::rest(CgroupState& cgroup) {
  cgroup.path = masks_.group_path(cgroup.path);
  cgroup.where = masks_.place(cgroup.where);
}

void Redaction::rest(Problem& problem) {
  problem.where = masks_.place(problem.where);
  problem.text = masks_.sentence(problem.text);
}
void Redaction::rest(Symptom& symptom) {
  symptom.text = "a kubelet or a runtime says that a container does not end";
  if (!symptom.container.empty()) symptom.container = masks_.of("container", symptom.container);
  if (!symptom.pod.empty()) symptom.pod = masks_.of("pod", symptom.pod);
  symptom.where = masks_.place(symptom.where);
}

}  // namespace

Snapshot redacted(Snapshot snapshot) {
  Redaction redaction(snapshot);
  redaction.host(snapshot.host);
  for (Task& task : snapshot.tasks) redaction.names(task);
  for (KernelEvent& event : snapshot.events) redaction.names(event);
  for (Task& task : snapshot.tasks) redaction.rest(task);
  for (KernelEvent& event : snapshot.events) redaction.rest(event);
  for (CgroupState& cgroup : snapshot.cgroups) redaction.rest(cgroup);
  for (Problem& problem : snapshot.problems) redaction.rest(problem);
  for (Symptom& symptom : snapshot.symptoms) redaction.rest(symptom);
  return snapshot;
}

}  // namespace unzap
