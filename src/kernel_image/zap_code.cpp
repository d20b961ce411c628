// SPDX-License-Identifier: Apache-2.0
//
// Does this kernel have the fix? Answered from its machine code.
//
// A version cannot answer. Distributions backport: the fix of 2024 is in Debian's 6.1.170 and in kernels that
// call themselves 5.10, and a kernel of one's own may have a later number without it. Source, debug symbols
// and BTF of function bodies are not there either. What every kernel does bring along is the code that it
// runs, and the question is a small one: does zap_pid_ns_processes() do anything, in the loop around
// kernel_wait4(), about a TIF_NOTIFY_SIGNAL that stays set? There are two things that it can do, and both are
// a write of one known kind to the running task. Debian 6.1.170 (fix of 2024) and what its do_wait() asks:
//
//   zap_pid_ns_processes                               do_wait
//         mov  r12, gs:[0x1fb80]    ; current            mov  rax, gs:[0x1fb80]      ; current
//    1:   lock and byte [r12], 0xfb                      mov  rdx, [rax]             ; thread_info.flags
//         lock and byte [r12+2], 0xfd                    test edx, 0x20000           ; bit 17
//         ...                                            jne  out                    ; ends the wait
//         call kernel_wait4                              mov  rax, [rax]
//         cmp  eax, -10             ; -ECHILD            test al, 4                  ; bit 2
//         jne  1b                                        jne  out
//
// The first write clears bit 2 of the first word of task_struct, the second bit 1 of byte 2, that is bit 17.
//
// How it is read. The instruction set (isa_*.cpp) follows which registers hold `current`, along all jumps,
// and turns each instruction into the bits of task_struct that it sets, clears, may clear, or tests. Then:
//
//   1. The loop is the call of kernel_wait4() that its own return leads back to.
//   2. The names of the bits come from the other side: the flags that do_wait() tests are those of
//      signal_pending(), and the pair must be one of the layouts that Linux has had. {2, 17} here.
//   3. fix-2024: an instruction clears TIF_NOTIFY_SIGNAL, and no way leads from the call back to the call
//      around it.
//   4. fix-2026: an instruction sets a bit of task_struct.flags on every way from the entry to the call,
//      none takes it back, and do_wait() tests that very bit (PF_NO_NOTIFY_SIGNAL).
//   5. none: neither, while TIF_SIGPENDING is cleared on every turn, as it has been in every kernel.
//   6. unknown: all else. A bit that is cleared on some turns only, one that is set and never asked for, a
//      write to the flags whose value is not followed, a pair of bits that no Linux has had, no loop.
//
// Why a compiler cannot fool it. Nothing depends on registers, on the order of instructions, on which of
// do_wait(),
// __do_wait() and kernel_wait4() was inlined into which (all that are functions are read), on what was moved
// to zap_pid_ns_processes.cold, or on whether a bit is cleared by `and`, `btr`, or load, change and store:
// only on which bits of `current` change on which ways. Two paths that disagree on a register make it
// unknown. Atomic operations on thread flags are asm volatile and cannot be left out or merged away. Should a
// compiler once put clear_thread_flag() into a function that is called, step 5 notices: the clearing of
// TIF_SIGPENDING, which stands next to the one in question and would go the same way, is missing, and the
// answer is unknown, not none.
//
// What it cannot see: an image on disk knows nothing of live patches. Of the running kernel
// sources/live_kernel hands over the function that a live patch put in the place of the first one.
//
// What it costs: three or four functions of a few hundred instructions each are disassembled. Reading and
// unpacking the kernel takes all of the time; see zap_code_test.cpp for the bytes of real kernels.
#include "kernel_image/zap_code.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unzap {
namespace {

constexpr TaskBit k_thread_flags_end = 64;
constexpr std::ptrdiff_t k_max_writers = 64;  // instructions of the function that write into task_struct

CodeEvidence evidence(const Code& code, const Instruction& at, std::string meaning) {
  const auto offset = static_cast<std::int64_t>(at.address - code.instructions.front().address);
  return {code.name, at.address, at.bytes, at.text, std::move(meaning), offset};
}

std::string bit_list(const std::set<TaskBit>& bits) {
  std::string out;
  for (const TaskBit bit : bits) out += fmt::format("{}{}", out.empty() ? "" : ", ", bit);
  return out;
}

/// A bit of a field of task_struct for a reader: "0x800000 of the word at 0x2c".
std::string field_bit(TaskBit bit) {
  const TaskBit word = bit / 32 * 4;
  return fmt::format("0x{:x} of the word at 0x{:x} of task_struct", std::uint64_t{1} << (bit % 32), word);
}

class Judge {
 public:
  explicit Judge(const ZapFunctions& functions) : in_(functions) {}

  ZapCode run() {
    if (!find_loop() || !find_asked_bits() || !find_layout()) return out_;
    if (out_.fix == ZapFix::no_notify_signal) return out_;
    const bool cleared = clears_notify_signal();
    const bool masked = masks_notify_signal();
    if (cleared) out_.fix = ZapFix::fix_2024;
    if (masked) out_.fix = ZapFix::fix_2026;
    if (!cleared && !masked) say_none();
    return out_;
  }

 private:
  /// No fix was seen: that is an answer only where nothing speaks against having seen all there is.
  void say_none() {
    out_.fix = ZapFix::none;
    if (!clears_sigpending_)
      unknown("TIF_SIGPENDING, which every kernel clears before each wait, is not seen to be cleared");
    if (!doubt_.empty()) unknown(doubt_);
  }

  bool unknown(std::string reason) {
    out_.fix = ZapFix::unknown;
    out_.reason = std::move(reason);
    return false;
  }

  /// The call of kernel_wait4 to which its own return leads back: the wait loop.
  bool find_loop() {
    const std::vector<Instruction>& code = in_.zap.instructions;
    const auto writes = [](const Instruction& one) {
      return !one.sets.empty() || !one.clears.empty() || !one.may_clear.empty();
    };
    if (std::count_if(code.begin(), code.end(), writes) > k_max_writers)
      return unknown("zap_pid_ns_processes writes into task_struct in more places than this code expects");
    for (std::size_t i = 0; i < code.size(); ++i)
      if (code[i].calls == in_.wait4 && in_.wait4 != 0 && in_.zap.leads(i, i)) {
        call_ = i;
        return true;
      }
    return unknown("zap_pid_ns_processes calls kernel_wait4 in no loop: this code is not understood");
  }

  bool find_asked_bits() {
    for (const Code& wait : in_.waits)
      for (const Instruction& one : wait.instructions)
        for (const TaskBit bit : one.tests) {
          (bit < k_thread_flags_end ? asked_ : asked_fields_).insert(bit);
        }
    if (asked_.empty())
      return unknown("the waiting function asks for no thread flag: signal_pending() was not found");
    return true;
  }

  bool find_layout() {
    for (const FlagLayout& layout : in_.isa->layouts)
      if (asked_ == std::set<TaskBit>{layout.sigpending, layout.notify_signal}) {
        layout_ = layout;
        say_what_is_asked();
        return true;
      }
    if (asked_ == std::set<TaskBit>{in_.isa->old_sigpending} && !in_.has_io_threads) {
      layout_ = {in_.isa->old_sigpending, -1};
      say_what_is_asked();
      out_.fix = ZapFix::no_notify_signal;
      return true;
    }
    return unknown(fmt::format(
        "the waiting function asks for the thread flags {}: no known layout of the bits", bit_list(asked_)));
  }

  void say_what_is_asked() {
    for (const Code& wait : in_.waits)
      for (const Instruction& one : wait.instructions)
        for (const TaskBit bit : one.tests) {
          if (bit == layout_.sigpending)
            out_.evidence.push_back(
                evidence(wait, one, fmt::format("the wait ends when TIF_SIGPENDING, bit {}, is set", bit)));
          if (bit == layout_.notify_signal)
            out_.evidence.push_back(evidence(
                wait, one, fmt::format("the wait ends when TIF_NOTIFY_SIGNAL, bit {}, is set", bit)));
        }
  }

  /// True when a step of the loop clears TIF_NOTIFY_SIGNAL on every turn.
  bool clears_notify_signal() {
    bool out = false;
    const std::vector<Instruction>& code = in_.zap.instructions;
    for (std::size_t i = 0; i < code.size(); ++i) {
      const bool signal = code[i].clears.contains(layout_.sigpending);
      const bool notify = code[i].clears.contains(layout_.notify_signal);
      if (!signal && !notify) continue;
      const bool each_turn = in_.zap.leads(call_, i) && !in_.zap.leads(call_, call_, i);
      std::string what = signal ? "TIF_SIGPENDING" : "TIF_NOTIFY_SIGNAL";
      if (signal && notify) what += " and TIF_NOTIFY_SIGNAL";
      out_.evidence.push_back(
          evidence(in_.zap, code[i], fmt::format("clears {}{}", what, each_turn ? " before each wait" : "")));
      out = out || (notify && each_turn);
      clears_sigpending_ = clears_sigpending_ || (signal && each_turn);
      if (notify && !each_turn)
        doubt_ = "TIF_NOTIFY_SIGNAL is cleared, but not on every turn of the loop around kernel_wait4";
    }
    for (const Instruction& one : code)
      if (one.may_clear.contains(layout_.notify_signal))
        doubt_ =
            fmt::format("what {} at {:x} does to the thread flags is not understood", one.text, one.address);
    out_.evidence.push_back(evidence(in_.zap, code[call_], "waits: kernel_wait4"));
    return out;
  }

  /// True when a flag of the task is set on every way to the wait, holds during it, and the waiting function
  /// asks for that very flag.
  bool masks_notify_signal() {
    const std::vector<Instruction>& code = in_.zap.instructions;
    for (std::size_t i = 0; i < code.size(); ++i)
      for (const TaskBit bit : code[i].sets)
        if (bit >= k_thread_flags_end && is_task_flag(bit) && holds_at_wait(i, bit)) {
          if (!asked_fields_.contains(bit)) {
            doubt_ = fmt::format("zap_pid_ns_processes sets {}, and nothing is seen to ask for it",
                                 field_bit(bit));
            continue;
          }
          out_.evidence.push_back(
              evidence(in_.zap, code[i],
                       fmt::format("sets PF_NO_NOTIFY_SIGNAL, {}, before the wait", field_bit(bit))));
          say_who_obeys(bit);
          return true;
        }
    return false;
  }
  bool is_task_flag(TaskBit bit) const {
    const auto word = static_cast<std::uint64_t>(bit / 32 * 4);
    return !in_.flags_offset || *in_.flags_offset == word;
  }
  bool holds_at_wait(std::size_t set, TaskBit bit) const {
    if (set != 0 && in_.zap.leads(0, call_, set)) return false;
    const std::vector<Instruction>& code = in_.zap.instructions;
    for (std::size_t i = 0; i < code.size(); ++i) {
      const bool clears = code[i].clears.contains(bit) || code[i].may_clear.contains(bit);
      if (clears && i != set && in_.zap.leads(set, i) && in_.zap.leads(i, call_, set)) return false;
    }
    return true;
  }
  void say_who_obeys(TaskBit bit) {
    for (const Code& wait : in_.waits)
      for (const Instruction& one : wait.instructions)
        if (one.tests.contains(bit))
          out_.evidence.push_back(
              evidence(wait, one, "asks for PF_NO_NOTIFY_SIGNAL before it obeys TIF_NOTIFY_SIGNAL"));
  }

  const ZapFunctions& in_;
  ZapCode out_;
  std::size_t call_ = 0;
  std::set<TaskBit> asked_;         ///< bits of the thread flags
  std::set<TaskBit> asked_fields_;  ///< bits of other fields
  FlagLayout layout_{};
  bool clears_sigpending_ = false;  ///< on every turn
  std::string doubt_;               ///< why a code that seems to do nothing may do something
};

}  // namespace

ZapCode judge_zap(const ZapFunctions& functions) {
  return Judge(functions).run();
}

}  // namespace unzap
