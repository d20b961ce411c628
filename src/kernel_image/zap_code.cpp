// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/zap_code.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unzap {
namespace {

/// The bits of thread_info.flags, arch/x86/include/asm/thread_info.h. signal_pending() asks for both.
struct FlagLayout {
  TaskBit sigpending;
  TaskBit notify_signal;
};
constexpr FlagLayout k_layouts[] = {
    {2, 17},  // 5.11 to 6.17
    {2, 19},  // 5.10.162 and later 5.10
    {1, 2},   // 6.18: include/asm-generic/thread_info_tif.h
};
constexpr TaskBit k_old_sigpending = 2;  // before TIF_NOTIFY_SIGNAL
constexpr TaskBit k_thread_flags_end = 64;
constexpr std::ptrdiff_t k_max_writers = 64;  // steps of the function that write into task_struct

CodeEvidence evidence(const Routine& routine, const Step& step, std::string meaning) {
  const auto offset = static_cast<std::int64_t>(step.address - routine.steps.front().address);
  return {routine.name, step.address, step.bytes, step.text, std::move(meaning), offset};
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
  explicit Judge(const ZapRoutines& routines) : in_(routines) {}

  ZapCode run() {
    if (!find_loop() || !find_asked_bits() || !find_layout()) return out_;
    if (out_.fix == ZapFix::no_notify_signal) return out_;
    const bool cleared = clears_notify_signal();
    const bool masked = masks_notify_signal();
    out_.fix = masked ? ZapFix::fix_2026 : cleared ? ZapFix::fix_2024 : ZapFix::none;
    if (out_.fix == ZapFix::none && !doubt_.empty()) unknown(doubt_);
    return out_;
  }

 private:
  bool unknown(std::string reason) {
    out_.fix = ZapFix::unknown;
    out_.reason = std::move(reason);
    return false;
  }

  /// The call of kernel_wait4 to which its own return leads back: the wait loop.
  bool find_loop() {
    const std::vector<Step>& steps = in_.zap.steps;
    const auto writes = [](const Step& step) {
      return !step.sets.empty() || !step.clears.empty() || !step.may_clear.empty();
    };
    if (std::count_if(steps.begin(), steps.end(), writes) > k_max_writers)
      return unknown("zap_pid_ns_processes writes into task_struct in more places than this code expects");
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (steps[i].calls == in_.wait4 && in_.wait4 != 0 && in_.zap.leads(i, i)) {
        call_ = i;
        return true;
      }
    return unknown("zap_pid_ns_processes calls kernel_wait4 in no loop: this code is not understood");
  }

  bool find_asked_bits() {
    for (const Routine& wait : in_.waits)
      for (const Step& step : wait.steps)
        for (const TaskBit bit : step.tests) {
          (bit < k_thread_flags_end ? asked_ : asked_fields_).insert(bit);
        }
    if (asked_.empty())
      return unknown("the waiting function asks for no thread flag: signal_pending() was not found");
    return true;
  }

  bool find_layout() {
    for (const FlagLayout& layout : k_layouts)
      if (asked_ == std::set<TaskBit>{layout.sigpending, layout.notify_signal}) {
        layout_ = layout;
        say_what_is_asked();
        return true;
      }
    if (asked_ == std::set<TaskBit>{k_old_sigpending} && !in_.has_io_threads) {
      layout_ = {k_old_sigpending, -1};
      say_what_is_asked();
      out_.fix = ZapFix::no_notify_signal;
      return true;
    }
    return unknown(fmt::format(
        "the waiting function asks for the thread flags {}: no known layout of the bits", bit_list(asked_)));
  }

  void say_what_is_asked() {
    for (const Routine& wait : in_.waits)
      for (const Step& step : wait.steps)
        for (const TaskBit bit : step.tests) {
          if (bit == layout_.sigpending)
            out_.evidence.push_back(
                evidence(wait, step, fmt::format("the wait ends when TIF_SIGPENDING, bit {}, is set", bit)));
          if (bit == layout_.notify_signal)
            out_.evidence.push_back(evidence(
                wait, step, fmt::format("the wait ends when TIF_NOTIFY_SIGNAL, bit {}, is set", bit)));
        }
  }

  /// True when a step of the loop clears TIF_NOTIFY_SIGNAL on every turn.
  bool clears_notify_signal() {
    bool out = false;
    const std::vector<Step>& steps = in_.zap.steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool signal = steps[i].clears.contains(layout_.sigpending);
      const bool notify = steps[i].clears.contains(layout_.notify_signal);
      if (!signal && !notify) continue;
      const bool each_turn = in_.zap.leads(call_, i) && !in_.zap.leads(call_, call_, i);
      const std::string what = signal && notify ? "TIF_SIGPENDING and TIF_NOTIFY_SIGNAL"
                               : signal         ? "TIF_SIGPENDING"
                                                : "TIF_NOTIFY_SIGNAL";
      out_.evidence.push_back(evidence(
          in_.zap, steps[i], fmt::format("clears {}{}", what, each_turn ? " before each wait" : "")));
      out = out || (notify && each_turn);
      if (notify && !each_turn)
        doubt_ = "TIF_NOTIFY_SIGNAL is cleared, but not on every turn of the loop around kernel_wait4";
    }
    for (const Step& step : steps)
      if (step.may_clear.contains(layout_.notify_signal))
        doubt_ = fmt::format("what {} at {:x} does to the thread flags is not understood", step.text,
                             step.address);
    out_.evidence.push_back(evidence(in_.zap, steps[call_], "waits: kernel_wait4"));
    return out;
  }

  /// True when a flag of the task is set on every way to the wait, holds during it, and the waiting function
  /// asks for that very flag.
  bool masks_notify_signal() {
    const std::vector<Step>& steps = in_.zap.steps;
    for (std::size_t i = 0; i < steps.size(); ++i)
      for (const TaskBit bit : steps[i].sets)
        if (bit >= k_thread_flags_end && is_task_flag(bit) && holds_at_wait(i, bit)) {
          if (!asked_fields_.contains(bit)) {
            doubt_ = fmt::format("zap_pid_ns_processes sets {}, and nothing is seen to ask for it",
                                 field_bit(bit));
            continue;
          }
          out_.evidence.push_back(
              evidence(in_.zap, steps[i],
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
    const std::vector<Step>& steps = in_.zap.steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool clears = steps[i].clears.contains(bit) || steps[i].may_clear.contains(bit);
      if (clears && i != set && in_.zap.leads(set, i) && in_.zap.leads(i, call_, set)) return false;
    }
    return true;
  }
  void say_who_obeys(TaskBit bit) {
    for (const Routine& wait : in_.waits)
      for (const Step& step : wait.steps)
        if (step.tests.contains(bit))
          out_.evidence.push_back(
              evidence(wait, step, "asks for PF_NO_NOTIFY_SIGNAL before it obeys TIF_NOTIFY_SIGNAL"));
  }

  const ZapRoutines& in_;
  ZapCode out_;
  std::size_t call_ = 0;
  std::set<TaskBit> asked_;         ///< bits of the thread flags
  std::set<TaskBit> asked_fields_;  ///< bits of other fields
  FlagLayout layout_{};
  std::string doubt_;  ///< why a code that seems to do nothing may do something
};

}  // namespace

ZapCode judge_zap(const ZapRoutines& routines) {
  return Judge(routines).run();
}

}  // namespace unzap
