// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernel_image/code.hpp"
#include "kernel_image/elf.hpp"
#include "util/result.hpp"

namespace unzap {

/// Where the two bits that signal_pending() asks for stand in thread_info.flags.
struct FlagLayout {
  TaskBit sigpending = -1;
  TaskBit notify_signal = -1;
};

/// All that depends on the instruction set when the code of a kernel is judged. A new one is a source
/// (isa_<name>.cpp) and a row in isa.cpp.
struct Isa {
  Machine machine = Machine::other;
  /// Disassembles a function and follows, along its jumps, which registers hold `current` and what was read
  /// from it. Fails with what could not be disassembled. `parts[0]` begins with the entry.
  Result<Code> (*read_code)(std::string name, const std::vector<CodePart>& parts) = nullptr;
  std::span<const FlagLayout> layouts;  ///< of kernels that have TIF_NOTIFY_SIGNAL
  TaskBit old_sigpending = -1;          ///< TIF_SIGPENDING before that
};

/// The instruction set of a machine; nullptr when its code is not read.
const Isa* find_isa(Machine machine);

/// The machine that this program was built for.
Machine native_machine();

}  // namespace unzap
