// SPDX-License-Identifier: Apache-2.0
#include "sources/text/stacks.hpp"

#include "linux/task_state.hpp"
#include "util/scan.hpp"

namespace unzap::text {
namespace {

bool is_ornament(char c) {
  return is_blank(c) || c == '=' || c == '-' || c == '#' || c == '*' || c == ':' || c == '<' || c == '>' ||
         c == '[' || c == ']' || c == '(' || c == ')' || c == '.' || c == '+' || c == '~' || c == '/';
}

std::string_view without_ornament(std::string_view text) {
  while (!text.empty() && is_ornament(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ornament(text.back())) text.remove_suffix(1);
  return text;
}

bool is_task_word(std::string_view word) {
  for (const std::string_view known : {"pid", "PID", "Pid", "tid", "TID", "process", "Process", "thread",
                                       "Thread", "task", "Task", "LWP", "lwp", "stack", "Stack", "of"})
    if (word == known) return true;
  return false;
}

}  // namespace

Title parse_title(std::string_view text) {
  Title out;
  text = without_ornament(text);
  if (text.empty() || text.size() > 48) return out;
  for (;;) {  // "PID: 2161", "thread 2161"
    std::string_view rest = text;
    const std::string_view word = eat_while(rest, is_letter);
    rest = without_ornament(rest.starts_with('=') ? rest.substr(1) : rest);
    if (word.empty() || !is_task_word(word) || rest.empty()) break;
    text = rest;
  }
  // Prose has numbers too ("5 minutes later", "Ubuntu 22.04"): a number next to a bare word must be large.
  constexpr std::int32_t k_surely_a_task = 300;
  std::string_view rest = text;
  if (const auto tid = task_number(eat_number(rest));
      tid && (rest.empty() || is_blank(rest[0]) || rest[0] == ':')) {
    const bool bracketed = contains(rest, "(") || contains(rest, "[");
    rest = without_ornament(rest);  // "2161", "2161 (java)", "2161 java"
    if (rest.size() > 16 || (!rest.empty() && !bracketed && *tid < k_surely_a_task)) return out;
    out.tid = *tid;
    out.comm = rest;
    return out;
  }
  std::size_t digits = text.size();  // "java 2161", "java[2161]", "npm start:306207"
  while (digits > 0 && is_digit(text[digits - 1])) --digits;
  if (digits == 0 || digits == text.size()) return out;
  const char mark = text[digits - 1];
  const auto tid = task_number(parse_number<std::int32_t>(text.substr(digits)));
  if (!tid || (mark != '[' && mark != '(' && mark != ':' && !(is_blank(mark) && *tid >= k_surely_a_task)))
    return out;
  const std::string_view name = without_ornament(text.substr(0, digits));
  if (name.size() > 16 || name.empty() || (mark == ':' && is_digit(name.back()))) return out;
  out.tid = *tid;
  out.comm = name;
  return out;
}

void Stacks::open(const StackOwner& owner, std::size_t line) {
  close();
  owner_ = owner;
  open_ = true;
  line_ = line;
  stack_.where = builder_.where(line);
  stack_.origin = owner.origin;
}

void Stacks::trace_begins(std::size_t line) {
  if (ignoring_) return;
  if (open_ && traced_ && !stack_.frames.empty()) {
    // A second trace without a head of its own: nobody says whose it is.
    const StackOrigin origin = owner_.origin;
    close();
    open({.origin = origin == StackOrigin::proc_stack ? StackOrigin::unknown : origin}, line);
  } else if (!open_) {
    open({}, line);
  }
  traced_ = true;
}

void Stacks::push(const FrameText& frame, bool interrupt, std::size_t) {
  if (stack_.frames.size() >= k_most_frames) return builder_.cut_frames();
  stack_.frames.push_back(to_frame(frame, interrupt));
}

void Stacks::interrupted_at(const FrameText& frame, std::size_t line) {
  if (!open_ || has_rip_ || frame.form != FrameForm::strong || frame.function.empty()) return;
  has_rip_ = true;
  // In the middle of a trace: what stands above it is the interrupt that took the CPU from the task.
  for (Frame& above : stack_.frames) above.interrupt = true;
  push(frame, interrupt_, line);
}

bool Stacks::accepts(const FrameText& frame) const {
  if (frame.form == FrameForm::strong) return true;
  if (frame.form == FrameForm::cut) return !frame.function.empty() && (frame.bracketed || in_trace());
  if (frame.form != FrameForm::weak || !open_ || has_offsets_) return false;
  return traced_ || owner_.origin == StackOrigin::proc_stack;
}

void Stacks::open_untitled(const FrameText& frame, std::size_t line) {
  StackOwner owner;
  if (open_) owner.tgid = owner_.tgid;
  owner.origin = frame.hidden_address || (open_ && owner_.origin == StackOrigin::proc_stack)
                     ? StackOrigin::proc_stack
                     : StackOrigin::unknown;
  open(owner, line);
}

void Stacks::name_owner(std::size_t line, std::string_view title_line, TaskRef row) {
  if (row != k_none) {
    owner_.task = row;
    return;
  }
  const Title title = parse_title(title_line);
  if (!title.tid) return;
  owner_.task = builder_.task(*title.tid, line);
  if (owner_.tgid) builder_.at(owner_.task).tgid = owner_.tgid;
  if (!title.comm.empty()) builder_.offer_comm(owner_.task, title.comm, CommSource::listing);
}

bool Stacks::take(const Line& line, std::string_view title, TaskRef row) {
  std::string_view text = line.text;
  const Marks marks = eat_marks(text, interrupt_);
  if (marks.any) {
    interrupt_ = marks.interrupt;
    if (text.empty()) return true;
  }
  const FrameText frame = parse_frame(text);
  if (frame.form == FrameForm::none || !accepts(frame)) return marks.any;
  builder_.used();
  if (ignoring_) return true;
  if (open_ && owner_.needs_trace_mark && !traced_) return true;
  if (may_have_ended_ && frame.function != "ret_from_fork_asm") ended_ = true;
  // "[<0>]" is never part of a kernel log report, and nothing stands below an outermost frame.
  const bool foreign = open_ && frame.hidden_address && owner_.origin != StackOrigin::proc_stack &&
                       owner_.origin != StackOrigin::unknown;
  if (!open_ || foreign || (ended_ && owner_.origin == StackOrigin::proc_stack && !frame.outermost))
    open_untitled(frame, line.number);
  if (stack_.frames.empty() && owner_.task == k_none && owner_.event == k_none)
    name_owner(line.number, title, row);
  if (frame.outermost) return ended_ = true;
  if (frame.function.empty()) return true;
  if (frame.offset != 0 || frame.size != 0) has_offsets_ = true;
  // The instruction pointer that a head line gave is often the first frame of the trace too.
  if (has_rip_ && !frame.guess && stack_.frames.size() == 1 && stack_.frames[0].offset == frame.offset &&
      stack_.frames[0].function == plain_symbol(frame.function))
    return true;
  push(frame, interrupt_, line.number);
  ended_ = is_outermost(frame.function) && !frame.guess;
  may_have_ended_ = frame.function == "ret_from_fork" && !frame.guess;
  for (std::string_view more = frame.more; !more.empty();) {
    const FrameText next = parse_frame(eat_word(more));
    if (!next.function.empty()) push(next, interrupt_, line.number);
  }
  return true;
}

void Stacks::close() {
  if (open_ && !stack_.frames.empty()) {
    if (owner_.task == k_none && owner_.event == k_none) {
      owner_.task = builder_.unnamed_task(line_);
      Task& task = builder_.at(owner_.task);
      task.tgid = owner_.tgid;
    }
    builder_.offer_stack(owner_.task, stack_);
    if (KernelEvent& event = builder_.event(owner_.event); owner_.event != k_none && !event.stack)
      event.stack = stack_;
  }
  owner_ = {};
  stack_ = {};
  open_ = ignoring_ = traced_ = interrupt_ = has_offsets_ = has_rip_ = ended_ = may_have_ended_ = false;
}

void Stacks::ignore() {
  close();
  ignoring_ = true;
}

}  // namespace unzap::text
