// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "util/names.hpp"

namespace unzap {

/// An instruction of the kernel that was read, and what it does.
struct CodeStep {
  std::string function;
  std::int64_t offset =
      0;              ///< bytes from the function's entry; never an address, which would give KASLR away
  std::string bytes;  ///< as they lie in memory
  std::string instruction;  ///< "lock and byte ptr [rbx], 0xfb"
  std::string meaning;      ///< one sentence without a final full stop

  bool operator==(const CodeStep&) const = default;
};

/// What the code of zap_pid_ns_processes() (kernel/pid_namespace.c) does about a notify signal that stays
/// pending while a dying init waits for its children: commit 7fea700e04bd. Read from the machine code; a
/// version number is never turned into one of these.
struct WaitFix {
  enum class Kind : std::uint8_t {
    none,              ///< not fixed: the wait never sleeps
    fix_2024,          ///< 7fea700e04bd: clears TIF_NOTIFY_SIGNAL before each wait, in the first loop
    fix_2026,          ///< 5c0985dd3c32: waits with PF_NO_NOTIFY_SIGNAL, in both loops
    no_notify_signal,  ///< this kernel has no TIF_NOTIFY_SIGNAL
  };
  Kind kind = Kind::none;
  std::string source;           ///< where the code was read: "/proc/kcore"
  std::vector<CodeStep> steps;  ///< the instructions that decide; may be empty

  /// A pending notify signal does not keep the first loop from sleeping.
  bool sleeps() const { return kind != Kind::none; }
  bool operator==(const WaitFix&) const = default;
};
constexpr auto names_of(WaitFix::Kind) {
  using Kind = WaitFix::Kind;
  return name_table<Kind>({{Kind::none, "none"},
                           {Kind::fix_2024, "fix-2024"},
                           {Kind::fix_2026, "fix-2026"},
                           {Kind::no_notify_signal, "no-notify-signal"}});
}

}  // namespace unzap
