// SPDX-License-Identifier: Apache-2.0
#include "linux/frames.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "util/scan.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// "[<ffffffff81132312>] ", s390's "([<..>] ", and the bare addresses of powerpc ("[c000000007] [c0000] f").
bool eat_addresses(std::string_view& text, FrameText& out) {
  if (text.starts_with("([<")) text.remove_prefix(1);
  while (text.starts_with('[')) {
    std::string_view rest = text.substr(1);
    const bool angle = eat(rest, "<");
    const std::string_view address = eat_while(rest, is_hex);
    if (address.empty() || !eat(rest, angle ? ">]" : "]")) return angle && rest.empty();
    if (!angle && address.size() < 8) return true;
    out.bracketed = true;
    out.hidden_address |= address == "0";
    skip_blanks(rest);
    text = rest;
  }
  return true;
}

/// "[nfs]", "[fat 0a109de]", "file.c:12", "(unreliable)" behind the frame.
void read_tail(std::string_view text, FrameText& out) {
  skip_blanks(text);
  if (text.starts_with("(unreliable)")) out.guess = true;
  if (!eat(text, "[") || text.starts_with("inline]")) return;
  const std::string_view module = eat_while(text, [](char c) { return is_symbol(c) || c == '-'; });
  if (!module.empty() && !text.empty() && (text[0] == ']' || text[0] == ' ')) out.module = module;
}

/// A line of the crash utility's bt: "#1 [ffff881fe5d6fd40] schedule at ffffffff816a8f65 [nfs]".
FrameText crash_frame(std::string_view text) {
  FrameText out;
  eat(text, "#");
  if (eat_while(text, is_digit).empty() || !eat(text, " [") || eat_while(text, is_hex).size() < 8 ||
      !eat(text, "] "))
    return out;
  out.function = eat_while(text, is_symbol);
  if (eat(text, "+") && !eat_while(text, is_digit).empty()) skip_blanks(text);
  skip_blanks(text);
  if (out.function.empty() || !eat(text, "at ")) return out;
  eat_while(text, is_hex);
  out.form = FrameForm::strong;
  read_tail(text, out);
  return out;
}

bool not_a_frame(FrameText& out) {
  out.form = FrameForm::none;
  return false;
}

/// "+0x1d6/0x2ea" behind the symbol. True when it is whole; out.form says `cut` when the text ends inside it.
bool eat_offset(std::string_view& text, FrameText& out) {
  std::string_view rest = text.substr(1);
  out.form = FrameForm::cut;
  if (rest.empty() || rest == "0" || rest == "0x") return false;
  const auto offset = eat_hex(rest);
  if (!offset) return not_a_frame(out);
  out.offset = *offset;
  if (rest.empty()) return false;
  if (eat(rest, "/")) {
    if (rest.empty() || rest == "0" || rest == "0x") return false;
    const auto size = eat_hex(rest);
    if (!size) return not_a_frame(out);
    out.size = *size;
  } else if (!out.bracketed) {
    return not_a_frame(out);
  }
  if (!rest.empty() && (is_letter(rest[0]) || rest[0] == '+')) return not_a_frame(out);
  out.form = FrameForm::strong;
  text = rest;
  return true;
}

/// "kernel/exit.c:608 [inline]": what decoded traces write for a function without a frame of its own.
bool is_inlined(std::string_view text) {
  return text.ends_with("[inline]") && contains(text, ":");
}

/// What may follow a symbol without offset after "[<0>]": nothing, more symbols, or a remark.
bool read_remark(std::string_view text, FrameText& out) {
  skip_blanks(text);
  if (text.empty()) return true;
  if (eat(text, "/ ")) {
    out.more = text;
    return true;
  }
  if (text[0] == '[') {
    read_tail(text, out);
    return true;
  }
  return text.starts_with("<-") || text.starts_with("(") || text.starts_with("#") ||
         static_cast<unsigned char>(text[0]) >= 0x80;
}

}  // namespace

FrameText parse_frame(std::string_view text) {
  FrameText out;
  skip_blanks(text);
  if (text.empty()) return out;
  if (text[0] == '#') return crash_frame(text);
  if (text[0] == '[' || text[0] == '(') {
    if (!eat_addresses(text, out)) return out;
    if (!out.bracketed) return out;
    if (text.empty()) {
      out.form = FrameForm::cut;
      return out;
    }
  }
  if (eat(text, "? ")) {
    out.guess = true;
    skip_blanks(text);
  }
  if (out.bracketed && text.starts_with("0x")) {
    out.form = FrameForm::strong;
    out.outermost = text.starts_with("0xffffffff");
    return out;
  }
  if (text.empty() || !(is_letter(text[0]) || text[0] == '_' || text[0] == '.')) return out;
  out.function = eat_while(text, is_symbol);
  if (text.starts_with('+')) {
    if (eat_offset(text, out)) read_tail(text, out);
    return out;
  }
  if (out.bracketed && read_remark(text, out)) {
    out.form = FrameForm::strong;
  } else if (text.empty() && (out.guess || out.function.size() >= 4)) {
    out.form = FrameForm::weak;
  } else if (is_inlined(text)) {
    out.form = FrameForm::strong;
  }
  return out;
}

Frame to_frame(const FrameText& text, bool interrupt) {
  Frame out;
  out.function = std::string(plain_symbol(text.function));
  out.offset = text.offset;
  out.size = text.size;
  out.module = std::string(text.module);
  out.guess = text.guess;
  out.interrupt = interrupt;
  return out;
}

Marks eat_marks(std::string_view& text, bool interrupt) {
  Marks out{false, interrupt};
  constexpr std::array<std::string_view, 13> k_ends = {"</IRQ>",
                                                       "</NMI>",
                                                       "</SOFTIRQ>",
                                                       "</EOE>",
                                                       "<EOI>",
                                                       "<<EOE>>",
                                                       "<EOE>",
                                                       "<TASK>",
                                                       "</TASK>",
                                                       "</#DF>",
                                                       "</#DB>",
                                                       "</#MC>",
                                                       "</ENTRY_TRAMPOLINE>"};
  constexpr std::array<std::string_view, 7> k_begins = {"<IRQ>", "<NMI>", "<SOFTIRQ>",         "<#DF>",
                                                        "<#DB>", "<#MC>", "<ENTRY_TRAMPOLINE>"};
  const auto eat_any = [&text](const auto& marks) {
    return std::any_of(marks.begin(), marks.end(),
                       [&text](std::string_view mark) { return eat(text, mark); });
  };
  while (text.starts_with('<')) {
    const bool ends = eat_any(k_ends);
    const bool begins = !ends && eat_any(k_begins);
    if (!ends && !begins) return out;
    out.interrupt = begins;
    out.any = true;
    skip_blanks(text);
  }
  return out;
}

bool is_outermost(std::string_view function) {
  constexpr std::array<std::string_view, 9> k_outermost = {
      "ret_from_fork_asm", "system_call_fastpath", "int_signal",         "el0_sync",        "el0t_64_sync",
      "el0_svc_naked",     "ret_fast_syscall",     "asm_exc_page_fault", "ret_from_syscall"};
  if (function.starts_with("entry_SYSCALL") || function.starts_with("entry_SYSENTER")) return true;
  for (const std::string_view name : k_outermost)
    if (function == name) return true;
  return false;
}

std::optional<Stack> parse_stack_file(std::string_view text, std::string where) {
  Stack stack;
  stack.origin = StackOrigin::proc_stack;
  stack.where = std::move(where);
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    if (line.empty()) continue;
    const FrameText frame = parse_frame(line);
    if (frame.form != FrameForm::strong || !frame.bracketed) return std::nullopt;
    if (!frame.function.empty()) stack.frames.push_back(to_frame(frame, false));
  }
  return stack;
}

}  // namespace unzap
