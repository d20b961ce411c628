// SPDX-License-Identifier: Apache-2.0
#include "sources/model/model_source.hpp"

#include <algorithm>
#include <array>

namespace unzap {
namespace {

using kernel::ExitState;
using kernel::RunState;
using kernel::TaskNo;

constexpr std::int32_t k_shim_tid = 4600;
constexpr std::uint64_t k_host_pid_ns = 4026531836, k_container_pid_ns = 4026532300;

Preemption preemption_of(kernel::Preempt preempt) {
  switch (preempt) {
    case kernel::Preempt::none: return Preemption::none;
    case kernel::Preempt::voluntary: return Preemption::voluntary;
    case kernel::Preempt::full: return Preemption::full;
  }
  return Preemption::none;
}
constexpr std::uint64_t k_host_mnt_ns = 4026531841, k_container_mnt_ns = 4026532299;
constexpr std::uint64_t k_inodes_each = 10;   // between the namespaces of two containers
constexpr std::int32_t k_outer_numbers = 10;  // between two containers, in a namespace around them
constexpr int k_sigkill = 9, k_sigchld = 17;

/// Functions that left no frame in a build of 6.1 with gcc 12: inlined into their caller, or left by a jump.
constexpr std::array<std::string_view, 7> k_without_frame = {
    "find_child_reaper",      "forget_original_parent", "exit_notify",    "io_worker_exit",
    "switch_task_namespaces", "exit_task_namespaces",   "wait_rcu_exp_gp"};

WaitFix::Kind fix_of(const kernel::Variant& variant) {
  if (variant.has(kernel::Switch::fix_2026)) return WaitFix::Kind::fix_2026;
  return variant.has(kernel::Switch::fix_2024) ? WaitFix::Kind::fix_2024 : WaitFix::Kind::none;
}

/// Past exit_mm() and its neighbours in do_exit().
bool past_resources(const kernel::Config& c, const kernel::Task& task) {
  if (task.run_state == RunState::dead) return true;
  for (std::size_t i = 0; i < task.depth; ++i)
    if (c.programs.facts_of(task.stack[i]).past_exit_mm) return true;
  return false;
}

char state_letter(const kernel::Task& task) {
  if (task.exit_state == ExitState::zombie && task.run_state == RunState::dead) return 'Z';
  if (task.exit_state == ExitState::dead) return 'X';
  switch (task.run_state) {
    case RunState::running: return 'R';
    case RunState::interruptible: return 'S';  // also for a task on a CPU that is about to look for children
    case RunState::uninterruptible: return 'D';
    case RunState::idle: return 'I';
    case RunState::dead: return 'Z';
  }
  return '?';
}

class Artist {
 public:
  Artist(const kernel::Config& config, const kernel::State& state, const ModelGaps& gaps)
      : c_(config), s_(state), gaps_(gaps) {}

  Snapshot draw() {
    snapshot_.origin = Origin::model;
    snapshot_.all_tasks = true;
    snapshot_.host.cpus = c_.scenario.cpus;
    snapshot_.host.preemption = preemption_of(c_.preempt);
    snapshot_.host.wait_fix = WaitFix{fix_of(c_.variant), "the model", {}};
    snapshot_.tasks.push_back(shim());
    for (TaskNo no = 0; no < c_.tasks.size(); ++no)
      if (s_.tasks[no].exit_state != ExitState::released) snapshot_.tasks.push_back(task(no));
    return std::move(snapshot_);
  }

 private:
  static Task shim() {
    Task t;
    t.tid = t.tgid = k_shim_tid;
    t.ppid = 1;
    t.start_ticks = 900;
    t.comm = std::string("containerd-shim");
    t.state = 'S';
    t.flags = std::uint64_t{0x400000};
    t.threads = 1;
    t.has_mm = true;
    t.ns_pids = std::vector<std::int32_t>{k_shim_tid};
    t.pid_ns = k_host_pid_ns;
    t.mnt_ns = k_host_mnt_ns;
    t.tracer_pid = 0;
    t.where = "/proc/4600";
    return t;
  }

  std::int32_t tgid_of(TaskNo no) const {
    for (TaskNo other = 0; other < c_.tasks.size(); ++other)
      if (c_.tasks[other].leader && c_.tasks[other].process == c_.tasks[no].process)
        return c_.tasks[other].tid;
    return c_.tasks[no].tid;
  }

  Task task(TaskNo no) const {
    const kernel::TaskInfo& info = c_.tasks[no];
    const kernel::Task& from = s_.tasks[no];
    const bool member = info.ns_tid != 0;
    const bool zombie = from.run_state == RunState::dead;
    Task t;
    t.tid = info.tid;
    t.tgid = tgid_of(no);
    t.start_ticks = static_cast<std::uint64_t>(1000 + info.tid);
    t.comm = info.comm.substr(0, std::min<std::size_t>(info.comm.find('#'), 15));
    t.state = state_letter(from);
    if (from.cpu != kernel::k_no_cpu) t.processor = from.cpu;
    t.where = "/proc/" + std::to_string(*t.tgid) + "/task/" + std::to_string(info.tid);
    t.tracer_pid = 0;
    t.has_mm = member && !past_resources(c_, from);
    t.threads = threads_of(no);
    t.ppid = !member ? 2 : (from.parent == kernel::k_outside ? k_shim_tid : tgid_of(from.parent));
    t.ns_pids = numbers_of(info);
    const std::uint64_t offset = member ? info.container * k_inodes_each : 0;
    if (!zombie) t.pid_ns = member ? k_container_pid_ns + offset : k_host_pid_ns;
    if (!past_resources(c_, from)) t.mnt_ns = member ? k_container_mnt_ns + offset : k_host_mnt_ns;
    if (gaps_.task_flags) t.flags = flags_of(no);
    if (member) add_signals(no, t);
    add_stack(from, t);
    return t;
  }

  /// The task's numbers, from the host's pid namespace inwards.
  std::vector<std::int32_t> numbers_of(const kernel::TaskInfo& info) const {
    std::vector<std::int32_t> numbers{info.tid};
    if (info.ns_tid == 0) return numbers;
    for (auto outer = c_.containers[info.container].inside; outer != 0xff;
         outer = c_.containers[outer].inside)
      numbers.insert(numbers.begin() + 1, k_outer_numbers * (info.container + 1) + info.ns_tid);
    numbers.push_back(info.ns_tid);
    return numbers;
  }

  std::int32_t threads_of(TaskNo no) const {
    std::int32_t threads = 0;
    for (TaskNo other = 0; other < c_.tasks.size(); ++other)
      if (c_.tasks[other].process == c_.tasks[no].process &&
          s_.tasks[other].exit_state != ExitState::released)
        ++threads;
    return c_.tasks[no].ns_tid == 0 ? 1 : threads;
  }

  std::uint64_t flags_of(TaskNo no) const {
    const kernel::Task& from = s_.tasks[no];
    std::uint64_t flags = c_.tasks[no].ns_tid == 0 ? k_pf_kthread : 0x400000;
    if ((from.flags & kernel::k_pf_exiting) != 0) flags |= k_pf_exiting;
    if ((from.flags & kernel::k_pf_io_worker) != 0) flags |= k_pf_io_worker;
    return flags;
  }

  void add_signals(TaskNo no, Task& t) const {
    const kernel::Process& process = s_.processes[c_.tasks[no].process];
    t.pending_private = (s_.tasks[no].flags & kernel::k_sigkill_private) != 0 ? signal_bit(k_sigkill) : 0;
    t.pending_shared = process.sigkill_shared != 0 ? signal_bit(k_sigkill) : 0;
    t.ignored = process.sigchld_ignored != 0 ? signal_bit(k_sigchld) : 0;
  }

  void add_stack(const kernel::Task& from, Task& t) const {
    if (!gaps_.stacks) {
      t.stack = Absence::not_permitted;
      t.wchan = Absence::not_permitted;
      t.syscall = Absence::not_permitted;
      return;
    }
    if (from.run_state == RunState::dead) {
      t.stack = Absence::gone;
      return;
    }
    if (from.cpu != kernel::k_no_cpu) {
      t.stack = Absence::task_running;
      t.wchan = std::string("0");
      t.syscall = std::string("running");
      return;
    }
    Stack stack;
    stack.origin = StackOrigin::proc_stack;
    stack.where = t.where + "/stack";
    for (const std::string_view function : kernel::backtrace(c_, from)) {
      if (!gaps_.inlined_frames &&
          std::find(k_without_frame.begin(), k_without_frame.end(), function) != k_without_frame.end())
        continue;
      Frame frame;
      frame.function = function;
      stack.frames.push_back(std::move(frame));
    }
    t.wchan = from.run_state == RunState::running || stack.frames.empty() ? std::string("0")
                                                                          : stack.frames.front().function;
    t.stack = std::move(stack);
  }

  const kernel::Config& c_;
  const kernel::State& s_;
  const ModelGaps& gaps_;
  Snapshot snapshot_;
};

/// What the soft lockup and hung task detectors say after a while.
void add_reports(Snapshot& snapshot, const std::vector<std::int32_t>& spinning) {
  for (const Task& task : snapshot.tasks) {
    KernelEvent event;
    event.tid = task.tid;
    event.comm = task.comm;
    event.where = "/dev/kmsg";
    if (std::find(spinning.begin(), spinning.end(), *task.tid) != spinning.end()) {
      event.kind = EventKind::soft_lockup;
      event.duration_seconds = 26.0;
      if (task.processor) event.cpus = {*task.processor};
      event.text = "watchdog: BUG: soft lockup - CPU#" + std::to_string(task.processor.value_or(0)) +
                   " stuck for 26s! [" + *task.comm + ":" + std::to_string(*task.tid) + "]";
    } else if (task.state.is('D')) {
      event.kind = EventKind::hung_task;
      event.duration_seconds = 120.0;
      event.text = "INFO: task " + *task.comm + ":" + std::to_string(*task.tid) +
                   " blocked for more than 120 seconds.";
      event.stack = task.stack;
    } else {
      continue;
    }
    snapshot.events.push_back(std::move(event));
  }
}

}  // namespace

Snapshot draw(const kernel::Config& config, const kernel::State& state, const ModelGaps& gaps) {
  return Artist(config, state, gaps).draw();
}

Snapshot draw_window(const kernel::Config& config, const kernel::State& first, const kernel::State& last,
                     double seconds, const std::vector<bool>& ran_through, const ModelGaps& gaps) {
  Snapshot snapshot = draw(config, last, gaps);
  std::vector<std::int32_t> spinning;
  for (Task& task : snapshot.tasks) {
    std::uint64_t used = 0;
    char before = task.state.value_or('?');
    for (TaskNo no = 0; no < config.tasks.size(); ++no) {
      if (config.tasks[no].tid != *task.tid) continue;
      before = state_letter(first.tasks[no]);
      if (ran_through[no] && first.tasks[no].cpu != kernel::k_no_cpu &&
          last.tasks[no].cpu == first.tasks[no].cpu) {
        used = static_cast<std::uint64_t>(seconds * 100);
        spinning.push_back(*task.tid);
      }
    }
    const Reading<std::uint64_t> switches = std::uint64_t{17};
    task.samples = {{100.0, before, 3, 40, switches},
                    {100.0 + seconds, task.state.value_or('?'), 3, 40 + used, switches}};
  }
  if (gaps.kernel_log) add_reports(snapshot, spinning);
  return snapshot;
}

}  // namespace unzap
