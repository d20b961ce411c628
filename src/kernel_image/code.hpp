// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "kernel_image/bytes.hpp"

namespace unzap {

/// A bit of the task that runs (`current`): its number counts from the first byte of task_struct, so that bit
/// 2 of thread_info.flags, which stands first, is 2, and bit 23 of the word at 0x2c is 0x2c * 8 + 23.
using TaskBit = std::int64_t;

/// One machine instruction, and what it does to the bits of `current`. Nothing here depends on the
/// instruction set: isa.hpp says who fills it in.
struct Instruction {
  std::uint64_t address = 0;
  std::string bytes;  ///< as they lie in memory
  std::string text;   ///< "lock and byte ptr [rbx], 0xfb"
  std::set<TaskBit> sets;
  std::set<TaskBit> clears;
  std::set<TaskBit> may_clear;     ///< of a word that is written with a value that is not followed
  std::set<TaskBit> tests;         ///< asks for, with a constant mask
  std::uint64_t calls = 0;         ///< the function, or 0
  std::vector<std::size_t> nexts;  ///< the instructions that can follow, by index
};

/// A function as its machine code shows it.
struct Code {
  std::string name;
  std::vector<Instruction> instructions;  ///< the first one is the entry
  /// True when `to` can come after `from` (one instruction or more) on a way that does not lead over
  /// `without`.
  bool leads(std::size_t from, std::size_t to, std::size_t without = k_nowhere) const;
  static constexpr std::size_t k_nowhere = ~std::size_t{0};
};

/// A piece of a function: the compiler may put what is unlikely elsewhere (".cold").
struct CodePart {
  std::uint64_t address = 0;
  ByteView bytes;
};

}  // namespace unzap
