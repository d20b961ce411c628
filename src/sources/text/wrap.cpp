// SPDX-License-Identifier: Apache-2.0
// Mailers break long lines at a blank, or hard at a column. Two lines are joined only where the first is the
// beginning of something known that is not complete yet: a wrong join would hide a line of evidence.
#include "linux/frames.hpp"
#include "sources/text/lines.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

bool starts_with_field(std::string_view text) {
  for (const std::string_view field : {"ppid:", "pid:", "tgid:", "flags:", "task_flags:", "stack:"})
    if (text.starts_with(field)) return true;
  return false;
}

/// "task:git  state:D stack:0 pid:4512" that has not come to its flags.
bool task_line_goes_on(std::string_view head, std::string_view next) {
  if (!contains(head, " state:")) return head.size() < 80 && next.starts_with("state:");
  if (contains(head, " flags:")) return false;
  return starts_with_field(next) || next.starts_with("running task") || contains(next, "pid:");
}

bool report_head_goes_on(std::string_view head, std::string_view next) {
  if (contains(head, "soft lockup") && !head.ends_with(']')) return next.ends_with(']');
  if (contains(head, "INFO: task ") && !contains(head, "seconds"))
    return contains(next, "seconds") || next.ends_with("conds.");
  if (contains(head, "expedited stalls") && contains(head, "{") && !contains(head, "root:"))
    return contains(next, "jiffies") || contains(next, "}") || contains(next, "root:");
  if (contains(head, "stall") && contains(head, "{") && !contains(head, "}")) return contains(next, "}");
  if (contains(head, "emory: Kill") && !contains(head, "("))
    return next.starts_with('(') || is_digit(next[0]);
  return false;
}

/// "CPU: 0 PID: 1 Comm: a b Tainted: G" that has not come to the kernel's version.
bool cpu_line_goes_on(std::string_view head, std::string_view next) {
  if (next.starts_with("PID:") || next.starts_with("Comm:") || next.starts_with("UID:")) return true;
  if (contains(head, "PID:") && !contains(head, "ainted")) return contains(next, "ainted");
  return contains(head, "PID:") && !contains(head, " #") && contains(next, "#") && !contains(next, ": ");
}

Join frame_goes_on(std::string_view head, std::string_view next) {
  std::string_view text = head;
  eat_marks(text, false);
  if (text == "?") return parse_frame(next).form == FrameForm::strong ? Join::with_blank : Join::none;
  const FrameText frame = parse_frame(text);
  if (frame.form == FrameForm::strong && frame.module.empty() && next.size() > 2 && next.starts_with('[')) {
    std::string_view module = next.substr(1);  // the module alone on the next line
    const std::string_view name = eat_while(module, is_symbol);
    return !name.empty() && is_letter(name[0]) && module == "]" ? Join::with_blank : Join::none;
  }
  if (frame.form != FrameForm::cut) return Join::none;
  if (frame.function.empty())
    return parse_frame(next).form == FrameForm::strong && !parse_frame(next).bracketed ? Join::with_blank
                                                                                       : Join::none;
  if (parse_frame(next).form == FrameForm::strong) return Join::none;
  const std::string joined = std::string(text) + std::string(next);
  const FrameForm form = parse_frame(joined).form;
  return form == FrameForm::strong || form == FrameForm::cut ? Join::without_blank : Join::none;
}

}  // namespace

Join continues(std::string_view head, std::string_view next) {
  if (head.empty() || next.empty() || head.size() > 1024) return Join::none;
  if (head.starts_with("task:")) return task_line_goes_on(head, next) ? Join::with_blank : Join::none;
  if (head.starts_with("CPU: ")) return cpu_line_goes_on(head, next) ? Join::with_blank : Join::none;
  if (head.starts_with("RIP:") && !contains(head, "+0x"))
    return next.starts_with("0010:") || next.starts_with("[<") ? Join::with_blank : Join::none;
  if (head.starts_with("Linux version") && !contains(head, "#"))
    return contains(next, "#") || next[0] == '(' || contains(next, ")") ? Join::with_blank : Join::none;
  if (head.starts_with("WARNING: CPU:") && !contains(head, "+0x"))
    return contains(next, "+0x") ? Join::with_blank : Join::none;
  if (contains(head.substr(0, 48), "INFO: ") || contains(head.substr(0, 24), "BUG: ") ||
      head.starts_with("Out of m") || head.starts_with("Memory cgroup out"))
    return report_head_goes_on(head, next) ? Join::with_blank : Join::none;
  const char first = head[0];
  if (first == '[' || first == '?' || first == '<' || first == '_' || first == '(' || is_letter(first))
    return frame_goes_on(head, next);
  return Join::none;
}

}  // namespace unzap::text
