// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel_image/isa.hpp"
#include "util/names.hpp"

namespace unzap {

/// What zap_pid_ns_processes does about a notify signal that stays pending.
enum class ZapFix : std::uint8_t {
  unknown,           ///< the code could not be read or is not understood
  none,              ///< nothing: the wait never sleeps
  fix_2024,          ///< clears TIF_NOTIFY_SIGNAL before each wait
  fix_2026,          ///< waits with PF_NO_NOTIFY_SIGNAL, which signal_pending() obeys
  no_notify_signal,  ///< this kernel has no TIF_NOTIFY_SIGNAL
};
constexpr auto names_of(ZapFix) {
  return name_table<ZapFix>({{ZapFix::unknown, "unknown"},
                             {ZapFix::none, "none"},
                             {ZapFix::fix_2024, "fix-2024"},
                             {ZapFix::fix_2026, "fix-2026"},
                             {ZapFix::no_notify_signal, "no-notify-signal"}});
}

/// An instruction that says something, and what.
struct CodeEvidence {
  std::string function;
  std::uint64_t address = 0;
  std::string bytes;
  std::string text;
  std::string meaning;
  std::int64_t offset = 0;  ///< from the entry of the function

  bool operator==(const CodeEvidence&) const = default;
};

struct ZapCode {
  ZapFix fix = ZapFix::unknown;
  std::string reason;  ///< of `unknown`: what was not found
  std::vector<CodeEvidence> evidence;
};

/// The functions of a kernel that decide.
struct ZapFunctions {
  const Isa* isa = nullptr;     ///< what their code was read by; never nullptr in judge_zap()
  Code zap;                     ///< zap_pid_ns_processes
  std::uint64_t wait4 = 0;      ///< the address of kernel_wait4
  std::vector<Code> waits;      ///< do_wait, __do_wait, kernel_wait4: whatever of them is a function
  bool has_io_threads = false;  ///< create_io_thread is there: io_uring has threads of the process
  /// Byte offset of task_struct.flags by BTF, when the kernel has BTF.
  std::optional<std::uint64_t> flags_offset;
};

/// Judges by the instructions alone; zap_code.cpp says why that works. The bits that signal_pending() asks
/// for are read where the waiting function asks for them; the names of the bits come from the known layouts
/// of the instruction set.
ZapCode judge_zap(const ZapFunctions& functions);

}  // namespace unzap
