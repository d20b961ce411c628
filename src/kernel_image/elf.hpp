// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_image/bytes.hpp"
#include "kernel_image/symbols.hpp"
#include "util/names.hpp"
#include "util/result.hpp"

namespace unzap {

/// The machine that a kernel is for.
enum class Machine : std::uint8_t { x86_64, arm64, other };
constexpr auto names_of(Machine) {
  return name_table<Machine>(
      {{Machine::x86_64, "x86-64"}, {Machine::arm64, "arm64"}, {Machine::other, "another machine"}});
}

/// A 64-bit little-endian ELF file: where its parts lie. Views into the bytes that it was made from. All
/// offsets of a stranger's file are checked when they are used: a part outside of it is as if it were not
/// there.
class Elf {
 public:
  /// Errors: bad_data when the head is not that of a 64-bit little-endian ELF file.
  static Result<Elf> open(ByteView bytes);

  Machine machine() const { return machine_; }
  /// The bytes of a section, or nothing.
  std::optional<ByteView> section(std::string_view wanted) const;
  /// `size` bytes of memory at `address` as the segments lay it out, or nothing.
  std::optional<ByteView> memory(std::uint64_t address, std::uint64_t size) const;
  /// Of .symtab: the addresses of the names that `wanted` takes. Nothing when the file is stripped.
  std::optional<Symbols> symbols(const SymbolNames& wanted) const;
  /// The segments that are loaded: where data of the running kernel can lie.
  const std::vector<ByteView>& loaded() const { return loaded_; }

 private:
  struct Section {
    std::string_view name;
    std::uint32_t type = 0;
    std::uint32_t link = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  struct Segment {
    std::uint64_t address = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  void read_segments(std::uint64_t at, std::uint64_t entry_size, std::uint64_t count);
  void read_sections(std::uint64_t at, std::uint64_t entry_size, std::uint64_t count, std::uint64_t names);

  ByteView bytes_;
  Machine machine_ = Machine::other;
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
  std::vector<ByteView> loaded_;
};

}  // namespace unzap
