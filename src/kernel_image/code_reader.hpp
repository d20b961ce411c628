// SPDX-License-Identifier: Apache-2.0
// What the sources isa_*.cpp share: disassembly by capstone, and the values of registers along all ways
// through a function.
#pragma once

#include <capstone/capstone.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "kernel_image/code.hpp"
#include "util/result.hpp"

namespace unzap {

/// What a register holds, as far as it is followed.
struct Value {
  enum Kind : std::uint8_t { other, task, field } kind = other;
  std::int64_t offset = 0;    ///< of the field within task_struct
  std::uint64_t set = 0;      ///< bits that were set in the copy of the field since it was read
  std::uint64_t cleared = 0;  ///< bits that were cleared

  bool operator==(const Value&) const = default;
};
using Registers = std::array<Value, 32>;

/// Where the code goes on after an instruction.
struct Flow {
  bool falls_through = true;            ///< what stands behind it can run after it
  bool is_call = false;                 ///< `target` is a function that returns
  std::optional<std::uint64_t> target;  ///< of a direct jump or call
};

/// An instruction set as capstone knows it, and what its instructions mean.
struct Decoder {
  const char* name;
  cs_arch arch;
  cs_mode mode;
  Flow (*flow)(const cs_insn& insn);
  /// What `insn` does to `current` and to the registers, which are those before it. `next`: what stands
  /// behind it, or nullptr.
  void (*follow)(csh handle, const cs_insn& insn, const cs_insn* next, Registers& registers,
                 Instruction& out);
};

/// See Isa::read_code.
Result<Code> read_code(const Decoder& decoder, std::string name, const std::vector<CodePart>& parts);

/// The lowest `size` bytes.
std::uint64_t mask_of_size(unsigned size);
/// The bits of `mask`, which lies at byte `offset` of task_struct.
std::set<TaskBit> bits_of(std::int64_t offset, std::uint64_t mask);
bool is_in_group(const cs_insn& insn, unsigned group);

}  // namespace unzap
