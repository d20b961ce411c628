// SPDX-License-Identifier: Apache-2.0
#include "sources/text/kernel_log.hpp"

#include <algorithm>

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

constexpr std::size_t k_longest_report_lines = 400;

StackOrigin origin_of(EventKind kind) {
  switch (kind) {
    case EventKind::soft_lockup:
    case EventKind::hard_lockup: return StackOrigin::soft_lockup;
    case EventKind::rcu_stall:
    case EventKind::rcu_expedited_stall: return StackOrigin::rcu_stall;
    case EventKind::hung_task: return StackOrigin::hung_task;
    case EventKind::oops:
    case EventKind::warning: return StackOrigin::oops;
    case EventKind::rcu_tasks_stall:
    case EventKind::rcu_kthread_starved:
    case EventKind::workqueue_lockup:
    case EventKind::freeze_failed:
    case EventKind::task_state: return StackOrigin::sysrq;
    case EventKind::oom_kill:
    case EventKind::netdevice_wait:
    case EventKind::read_hangs:
    case EventKind::other: return StackOrigin::unknown;
  }
  return StackOrigin::unknown;
}

bool has_trace(EventKind kind) {
  return shows_running(kind) || kind == EventKind::hung_task || kind == EventKind::oops ||
         kind == EventKind::warning;
}

/// Lines that end a report, or that lead to stacks of the past.
bool leads_to_history(std::string_view text) {
  return text.starts_with("Allocated by task") || text.starts_with("Freed by task") ||
         text.starts_with("Last potentially related") || text.starts_with("Second to last") ||
         text.starts_with("Last call_rcu()") || text.starts_with("hardirqs last") ||
         text.starts_with("softirqs last") || text.starts_with("-> #") ||
         text.starts_with("which lock already") || text.starts_with("the existing dependency");
}

bool is_command_line(std::string_view text) {
  return text.starts_with("Command line:") || text.starts_with("Kernel command line:") ||
         text.starts_with("BOOT_IMAGE=");
}

bool take_preemption(PreemptionFacts& facts, std::string_view text) {
  if (read_log_line(facts, text) || read_config_line(facts, text)) return true;
  if (is_command_line(text)) {
    read_command_line(facts, text);
    return true;
  }
  constexpr std::size_t k_longest_list = 40;
  return text.size() <= k_longest_list && contains(text, "(") && read_debugfs(facts, text);
}

std::optional<KernelName> kernel_name_in(std::string_view text) {
  if (text.starts_with("Linux ")) return parse_kernel_name(text);
  return contains(text, "ainted") ? parse_taint(text) : std::nullopt;
}

/// Of several kernels in one text the first is the host's.
void take_kernel_name(Builder& builder, const KernelName& name) {
  Host& host = builder.host();
  if (!host.kernel_release) host.kernel_release = std::string(name.release);
  if (!host.name && !name.host.empty()) host.name = std::string(name.host);
  if (!host.kernel_release.is(std::string(name.release))) return;
  if (!host.kernel_version && !name.version.empty()) host.kernel_version = std::string(name.version);
  read_version(builder.preemption(), name.version);
}

}  // namespace

bool KernelLog::is_rcu() const {
  return in_report_ && (kind_ == EventKind::rcu_stall || kind_ == EventKind::rcu_expedited_stall ||
                        kind_ == EventKind::rcu_tasks_stall || kind_ == EventKind::rcu_kthread_starved);
}

void KernelLog::leave() {
  if (in_report_) stacks_.close();
  in_report_ = false;
  nmi_cpu_ = {};
  expects_trace_ = false;
}

bool KernelLog::covers(const Line& line) const {
  return in_report_ && line.number - last_line_ < 64;
}

void KernelLog::name_task(KernelEvent& event, std::int32_t tid, std::string_view comm) {
  if (!event.tid) event.tid = tid;
  if (!event.comm && !comm.empty() && event.tid.is(tid)) event.comm = std::string(comm);
}

void KernelLog::begin(const ReportHead& head, const Line& line) {
  // "BUG: unable to handle ..", "Oops: 0002 [#1]", "UBSAN .." in a row are one report.
  const bool same = in_report_ && kind_ == EventKind::oops && head.kind == EventKind::oops &&
                    !stacks_.in_trace() && line.number - head_line_ < 8;
  if (same) return;
  stacks_.close();
  KernelEvent event{
      .kind = head.kind, .at_seconds = line.at, .duration_seconds = head.seconds, .cpus = head.cpus};
  event.text = std::string(line.text.substr(0, 512));
  event.where = builder_.where(line.number);
  event.tid = head.tid;
  if (!head.comm.empty()) event.comm = std::string(head.comm);
  in_report_ = true;
  nmi_cpu_ = {};
  kind_ = head.kind;
  head_line_ = last_line_ = line.number;
  event_ = builder_.add_event(std::move(event));
  expects_trace_ = shows_running(kind_) || kind_ == EventKind::hung_task;
  StackOwner owner{.event = event_, .origin = origin_of(kind_)};
  owner.needs_trace_mark = kind_ == EventKind::oops || kind_ == EventKind::warning;
  if (const auto tid = task_number(head.tid ? std::optional(*head.tid) : std::nullopt)) {
    owner.task = builder_.task(*tid, line.number);
    builder_.offer_comm(owner.task, head.comm, CommSource::kernel);
    if (shows_running(kind_) && kind_ != EventKind::rcu_stall && kind_ != EventKind::rcu_expedited_stall)
      builder_.offer_state(owner.task, 'R', StateSource::running);
    Task& task = builder_.at(owner.task);
    if (kind_ == EventKind::hung_task) {
      builder_.offer_state(owner.task, 'D', StateSource::look);
      if (head.seconds) task.blocked_seconds = std::max(task.blocked_seconds.value_or(0), *head.seconds);
    }
    if (!head.cpus.empty() && shows_running(kind_)) task.processor = head.cpus.front();
  }
  if (has_trace(kind_)) stacks_.open(owner, line.number);
}

/// A report whose head is missing.
void KernelLog::begin_unnamed() {
  in_report_ = true;
  kind_ = EventKind::other;
  event_ = k_none;
}

bool KernelLog::take_cpu_line(const Line& line) {
  const auto cpu = parse_cpu_line(line.text);
  if (!cpu) return false;
  take_host_fact(builder_, line.text);
  KernelEvent& event = builder_.event(event_);
  const bool listed =
      cpu->cpu && std::find(event.cpus.begin(), event.cpus.end(), *cpu->cpu) != event.cpus.end();
  const bool other_cpu =
      nmi_cpu_ && !(is_rcu() && (event.cpus.empty() || listed)) && kind_ != EventKind::hard_lockup;
  const bool mine = in_report_ && !other_cpu &&
                    (!event.tid || event.tid.is(cpu->tid) || (is_rcu() && (listed || event.cpus.empty())));
  StackOwner owner;
  if (const auto tid = task_number(cpu->tid)) owner.task = builder_.task(*tid, line.number);
  builder_.offer_comm(owner.task, cpu->comm, CommSource::kernel);
  if (cpu->cpu) builder_.at(owner.task).processor = cpu->cpu;
  if (mine) {
    owner.event = event_;
    owner.origin = origin_of(kind_);
    name_task(event, cpu->tid, cpu->comm);
    if (shows_running(kind_)) {
      builder_.offer_state(owner.task, 'R', StateSource::running);
      if (event.cpus.empty() && cpu->cpu) event.cpus.push_back(*cpu->cpu);
    }
    // The head may have opened the stack already, and the instruction pointer may come before this line.
    if (stacks_.is_open() && stacks_.owner().event == event_ && stacks_.owner().task == owner.task &&
        !stacks_.in_trace())
      return true;
    owner.needs_trace_mark = kind_ == EventKind::oops || kind_ == EventKind::warning;
  } else if (nmi_cpu_) {
    owner.origin = StackOrigin::sysrq;
    builder_.offer_state(owner.task, 'R', StateSource::look);
  }
  if (owner.task != k_none || owner.event != k_none)
    stacks_.open(owner, line.number);
  else
    stacks_.ignore();
  if (!in_report_) begin_unnamed();
  return true;
}

bool KernelLog::take_task_line(const Line& line) {
  const auto parsed = parse_task_line(line.text);
  if (!parsed) return false;
  const auto tid = task_number(parsed->tid);
  StackOwner owner;
  if (tid) {
    owner.task = builder_.task(*tid, line.number);
    Task& task = builder_.at(owner.task);
    builder_.offer_comm(owner.task, parsed->comm, CommSource::kernel);
    if (parsed->tgid) task.tgid = parsed->tgid;
    if (parsed->ppid) task.ppid = parsed->ppid;
    if (parsed->task_flags) task.flags = parsed->task_flags;
  }
  KernelEvent& event = builder_.event(event_);
  const bool hung = in_report_ && kind_ == EventKind::hung_task && event.tid.is(parsed->tid);
  const bool part = hung || is_rcu() || (in_report_ && kind_ == EventKind::freeze_failed);
  if (part) {
    owner.event = event_;
    owner.origin = origin_of(kind_);
    name_task(event, parsed->tid, parsed->comm);
  } else {
    const bool listed = builder_.at(owner.task).tid.is(parsed->tid);
    owner.origin = StackOrigin::sysrq;
    if (listed) {
      KernelEvent shown{.kind = EventKind::task_state, .at_seconds = line.at, .tid = parsed->tid};
      shown.comm = std::string(parsed->comm);
      shown.text = std::string(line.text.substr(0, 512));
      shown.where = builder_.where(line.number);
      owner.event = event_ = builder_.add_event(std::move(shown));
    }
    in_report_ = true;
    kind_ = EventKind::task_state;
    head_line_ = line.number;
  }
  const bool running = owner.origin == StackOrigin::rcu_stall && parsed->state == 'R';
  if (parsed->state != '?')
    builder_.offer_state(owner.task, parsed->state, running ? StateSource::running : StateSource::look);
  if (tid)
    stacks_.open(owner, line.number);
  else
    stacks_.ignore();
  return true;
}

bool KernelLog::take_stall_detail(std::string_view text) {
  eat(text, "rcu: ");
  skip_blanks(text);
  KernelEvent& event = builder_.event(event_);
  if (is_digit(text.empty() ? ' ' : text[0]) && contains(text.substr(0, 24), "-")) {
    const StallList list = parse_stall_list(text);
    for (const std::int32_t cpu : list.cpus)
      if (std::find(event.cpus.begin(), event.cpus.end(), cpu) == event.cpus.end()) event.cpus.push_back(cpu);
    return !list.cpus.empty();
  }
  if (text.starts_with("Tasks blocked on level") || text.starts_with('P')) {
    const std::size_t colon = text.starts_with('P') ? 0 : text.find("): ");
    std::string_view rest = colon == 0 ? text : text.substr(std::min(text.size(), colon + 2));
    const StallList list = parse_stall_list(rest);
    for (const std::int32_t tid : list.tids)
      if (!event.tid) event.tid = tid;
    return !list.tids.empty();
  }
  if (const auto cpus = number_after(text, "ncpus=")) builder_.host().cpus = *cpus;
  return text.starts_with("(detected by") || text.starts_with("(t=") || text.starts_with("blocking rcu_node");
}

bool KernelLog::take_instruction_pointer(std::string_view text, std::size_t line) {
  if (eat(text, "RIP:")) {
    skip_blanks(text);
    if (text.starts_with("0033:") || text.starts_with("0023:")) return true;  // user mode
    const std::size_t colon = text.substr(0, 6).find(':');
    if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
  } else if (!eat(text, "pc : ") && !eat(text, "epc : ") && !eat(text, "NIP ") && !eat(text, "EIP: ")) {
    return false;
  }
  stacks_.interrupted_at(parse_frame(text), line);
  return true;
}

bool KernelLog::take_inner(const Line& line) {
  const std::string_view text = line.text;
  switch (text[0]) {
    case 'C':
    case 'c':
      if (text.starts_with("Call Trace:") || text.starts_with("Call trace:")) {
        stacks_.trace_begins(line.number);
        expects_trace_ = false;
        // Very old kernels write the first frames on this line.
        return true;
      }
      return text.starts_with("CPU:") && take_cpu_line(line);
    case 'P': return (text.starts_with("Pid: ") || text.starts_with("PID: ")) && take_cpu_line(line);
    case 'B':
      if (!text.starts_with("Backtrace:")) return false;
      stacks_.trace_begins(line.number);
      return true;
    case 't': return text.starts_with("task:") && take_task_line(line);
    case 'N': {
      std::string_view rest = text;
      if (eat(rest, "NMI backtrace for cpu ")) {
        if (const auto cpu = eat_number(rest)) nmi_cpu_ = *cpu;
        if (!in_report_) begin_unnamed();
        stacks_.close();
        return true;
      }
      return take_instruction_pointer(text, line.number);
    }
    case 'R':
    case 'p':
    case 'e':
    case 'E': return take_instruction_pointer(text, line.number);
    case '-':
      if (!text.starts_with("---[ end ")) break;
      leave();
      return true;
    case 's':
    case 'S':
      if (text.starts_with("stack backtrace:")) {
        stacks_.trace_begins(line.number);
        return true;
      }
      if (!text.starts_with("Showing all locks held") && !text.starts_with("sysrq: ") &&
          !text.starts_with("SysRq"))
        break;
      leave();
      return true;
    default: break;
  }
  if (!leads_to_history(text)) return false;
  stacks_.ignore();
  return true;
}

bool KernelLog::take(const Line& line) {
  const std::string_view text = line.text;
  if (text.empty()) return false;
  if (in_report_ && line.number - last_line_ > k_longest_report_lines) leave();
  bool taken = false;
  if (const auto head = parse_report_head(text)) {
    begin(*head, line);
    taken = true;
  } else if (take_inner(line) || (is_rcu() && take_stall_detail(text))) {
    taken = true;
  } else if ((line.from_kernel || in_report_) && contains(text, " 0x") && text.size() < 128 &&
             take_task_line(line)) {
    taken = true;
  } else {
    taken = take_host_fact(builder_, text);
  }
  if (!taken) return false;
  builder_.used();
  last_line_ = line.number;
  return true;
}

void KernelLog::finish() {
  if (in_report_ && expects_trace_ && !stacks_.in_trace())
    builder_.problem(head_line_, "the report ends before its backtrace");
  leave();
}

bool take_host_fact(Builder& builder, std::string_view text) {
  const std::optional<KernelName> name = kernel_name_in(text);
  if (name) take_kernel_name(builder, *name);
  return name || take_preemption(builder.preemption(), text);
}

}  // namespace unzap::text
