// SPDX-License-Identifier: Apache-2.0
#include "sources/text/reports.hpp"

#include <algorithm>
#include <array>

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

/// "[comm:pid]" or "comm:pid": comm may hold blanks, colons and brackets.
void read_comm_pid(std::string_view text, ReportHead& head) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return;
  std::string_view rest = text.substr(colon + 1);
  if (const auto tid = eat_number(rest)) {
    head.tid = *tid;
    head.comm = trim(text.substr(0, colon));
  }
}

ReportHead soft_lockup(std::string_view text) {
  ReportHead head{.kind = EventKind::soft_lockup};
  if (const auto cpu = number_after(text, "CPU#")) head.cpus.push_back(*cpu);
  if (const auto seconds = number_after(text, "stuck for ")) head.seconds = *seconds;
  const std::size_t open = text.find('[');
  const std::size_t close = text.rfind(']');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close)
    read_comm_pid(text.substr(open + 1, close - open - 1), head);
  return head;
}

/// "INFO: task " is gone: "X:pid blocked for more than N seconds."
std::optional<ReportHead> hung_task(std::string_view text) {
  constexpr std::string_view k_likely = " is blocked on ";
  std::size_t at = text.find(" blocked ");
  ReportHead head{.kind = EventKind::hung_task};
  if (const std::size_t likely = text.find(k_likely); likely != std::string_view::npos) {
    head.kind = EventKind::other;  // who probably holds the lock: a remark under a hung task
    at = likely;
  } else if (at == std::string_view::npos || !contains(text, "more than")) {
    return std::nullopt;
  }
  std::string_view name = text.substr(0, at);
  if (name.ends_with(" <writer>") || name.ends_with(" <reader>")) name.remove_suffix(9);
  read_comm_pid(name, head);
  if (!head.tid) return std::nullopt;
  if (const auto seconds = number_after(text, "more than ")) head.seconds = *seconds;
  return head;
}

void add_stall_list(ReportHead& head, std::string_view text) {
  const StallList list = parse_stall_list(text);
  head.cpus = list.cpus;
  if (!list.tids.empty()) head.tid = list.tids.front();
}

/// "INFO: " is gone: "rcu_sched detected stalls on CPUs/tasks: { 1-... }".
std::optional<ReportHead> rcu_report(std::string_view text) {
  ReportHead head{.kind = EventKind::rcu_stall};
  if (contains(text, "kthread starved")) {
    head.kind = EventKind::rcu_kthread_starved;
    return head;
  }
  if (contains(text, "grace period number") ||
      (text.starts_with("rcu_tasks") && contains(text, "stalls on tasks"))) {
    head.kind = EventKind::rcu_tasks_stall;
    return head;
  }
  if (!contains(text, "stall")) return std::nullopt;
  if (contains(text, "expedited stall")) head.kind = EventKind::rcu_expedited_stall;
  if (contains(text, "blocking rcu_node structures")) return std::nullopt;
  if (!contains(text, "detected")) return std::nullopt;
  const std::size_t open = text.find('{');
  const std::size_t close = text.find('}');
  if (open != std::string_view::npos)
    add_stall_list(head, text.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
  return head;
}

ReportHead workqueue_lockup(std::string_view text) {
  ReportHead head{.kind = EventKind::workqueue_lockup};
  if (const auto cpu = number_after(text, "cpus=")) head.cpus.push_back(*cpu);
  if (const auto seconds = number_after(text, "stuck for ")) head.seconds = *seconds;
  return head;
}

/// "Killed process 128825 (rsync)".
std::optional<ReportHead> oom_kill(std::string_view text) {
  std::string_view rest = after(text, "Killed process ");
  if (rest.empty()) rest = after(text, "Kill process ");
  const auto tid = eat_number(rest);
  if (!tid) return std::nullopt;
  ReportHead head{.kind = EventKind::oom_kill};
  head.tid = *tid;
  skip_blanks(rest);
  if (eat(rest, ",")) {
    skip_blanks(rest);
    eat(rest, "UID");
    eat_word(rest);
    skip_blanks(rest);
  }
  if (eat(rest, "(")) {
    std::size_t close = rest.find(") total-vm");
    if (close == std::string_view::npos) close = rest.find(") score");
    if (close == std::string_view::npos) close = rest.rfind(')');
    if (close != std::string_view::npos) head.comm = rest.substr(0, close);
  }
  return head;
}

ReportHead hard_lockup(std::string_view text) {
  ReportHead head{.kind = EventKind::hard_lockup};
  for (const std::string_view key : {"on cpu ", "on CPU ", "CPU ", "CPU#"})
    if (const auto cpu = number_after(text, key); cpu && head.cpus.empty()) head.cpus.push_back(*cpu);
  return head;
}

/// "WARNING: CPU: 0 PID: 2613 at path:159 f+0x6b/0xb0()", "WARNING: path:12 at f+0x1/0x2, CPU#3: comm/123".
ReportHead warning(std::string_view text) {
  ReportHead head{.kind = EventKind::warning};
  if (const auto cpu = number_after(text, "CPU: ")) head.cpus.push_back(*cpu);
  if (const auto tid = number_after(text, "PID: ")) head.tid = *tid;
  if (std::string_view rest = after(text, "CPU#"); !rest.empty()) {
    const auto cpu = eat_number(rest);
    const std::size_t slash = rest.rfind('/');
    if (cpu && eat(rest, ": ") && slash != std::string_view::npos) {
      head.cpus.push_back(*cpu);
      const std::size_t cut = rest.rfind('/');
      if (const auto tid = parse_number<std::int32_t>(rest.substr(cut + 1))) head.tid = *tid;
      head.comm = rest.substr(0, cut);
    }
  }
  return head;
}

bool is_oops(std::string_view text) {
  constexpr std::array<std::string_view, 16> k_heads = {
      "BUG: ",           "Oops: ",          "Oops [#",        "general protection fault",
      "kernel BUG at ",  "UBSAN: ",         "KASAN: ",        "Unable to handle kernel",
      "Internal error:", "Kernel panic",    "divide error: ", "invalid opcode: ",
      "double fault: ",  "stack segment: ", "Oops - ",        "KFENCE: "};
  return std::any_of(k_heads.begin(), k_heads.end(),
                     [&](std::string_view head) { return text.starts_with(head); });
}

ReportHead oops(std::string_view text) {
  ReportHead head{.kind = EventKind::oops};
  if (std::string_view rest = after(text, "while atomic: "); !rest.empty()) {  // comm/pid/0x00000002
    const std::size_t flags = rest.rfind("/0x");
    const std::size_t slash =
        rest.rfind('/', flags == std::string_view::npos || flags == 0 ? flags : flags - 1);
    if (flags != std::string_view::npos && slash != std::string_view::npos && slash < flags)
      if (const auto tid = parse_number<std::int32_t>(rest.substr(slash + 1, flags - slash - 1))) {
        head.tid = *tid;
        head.comm = rest.substr(0, slash);
      }
  }
  return head;
}

std::optional<ReportHead> info(std::string_view text) {
  if (eat(text, "task ")) return hung_task(text);
  if (text.starts_with("rcu")) return rcu_report(text);
  if (text.starts_with("suspicious") || text.starts_with("possible") || text.starts_with("inconsistent"))
    return ReportHead{.kind = EventKind::warning};
  if (contains(text.substr(0, 40), "stall")) return rcu_report(text);
  return std::nullopt;
}

}  // namespace

std::optional<ReportHead> parse_report_head(std::string_view text) {
  if (text.empty()) return std::nullopt;
  eat(text, "NMI ");
  if (eat(text, "watchdog: ") || text.starts_with("Watchdog")) {
    if (contains(text, "hard LOCKUP") || contains(text, "Hard LOCKUP")) return hard_lockup(text);
    if (!text.starts_with("BUG: ")) return std::nullopt;
  }
  eat(text, "rcu: ");
  switch (text.empty() ? '\0' : text[0]) {
    case 'B':
      if (text.starts_with("BUG: soft lockup")) return soft_lockup(text);
      if (text.starts_with("BUG: workqueue lockup")) return workqueue_lockup(text);
      break;
    case 'I':
      if (eat(text, "INFO: ")) return info(text);
      break;
    case 'r':
      if (text.starts_with("rcu_")) return rcu_report(text);
      break;
    case 'O':
      if (text.starts_with("Out of memory")) return oom_kill(text);
      break;
    case 'M':
      if (text.starts_with("Memory cgroup out of memory")) return oom_kill(text);
      break;
    case 'K':
      if (text.starts_with("Killed process ")) return oom_kill(text);
      break;
    case 'u':
      if (text.starts_with("unregister_netdevice: waiting for"))
        return ReportHead{.kind = EventKind::netdevice_wait};
      break;
    case 'F':
    case 'P':
      if (contains(text.substr(0, 80), "reezing") && (contains(text, "failed") || contains(text, "refusing")))
        return ReportHead{.kind = EventKind::freeze_failed};
      break;
    case 'W':
      if (text.starts_with("WARNING: ")) return warning(text);
      break;
    default: break;
  }
  if (is_oops(text)) return oops(text);
  return std::nullopt;
}

StallList parse_stall_list(std::string_view text) {
  StallList out;
  constexpr std::size_t k_most = 8192;
  while (out.cpus.size() + out.tids.size() < k_most) {
    std::string_view word = eat_word(text);
    if (word.empty()) break;
    if (eat(word, "P")) {
      if (const auto tid = task_number(eat_number(word))) out.tids.push_back(*tid);
      continue;
    }
    const auto cpu = eat_number(word);
    if (cpu && (word.empty() || word[0] == '-' || word[0] == '.')) out.cpus.push_back(*cpu);
    if (word.ends_with(':')) break;  // "1-...0: (5 ticks this GP)": the rest are counters
  }
  return out;
}

}  // namespace unzap::text
