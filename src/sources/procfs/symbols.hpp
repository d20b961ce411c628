// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/stack.hpp"

namespace unzap {

/// Names addresses of the kernel by the lines of /proc/kallsyms. The file is large, so it goes through here
/// once and only what the addresses ask for is kept.
class SymbolTable {
 public:
  explicit SymbolTable(std::vector<std::uint64_t> addresses);

  /// Takes one line: "ffffffff81000000 T do_exit", behind it perhaps "[nfs]".
  void take(std::string_view line);
  /// The frame of one of the addresses; its function is empty when no symbol covers it (all addresses of the
  /// file are 0 for those who may not know).
  Frame frame(std::uint64_t address) const;

 private:
  struct Symbol {
    std::uint64_t address = 0;
    std::string name;
    std::string module;
  };
  std::vector<std::uint64_t> addresses_;  ///< sorted
  std::vector<Symbol> below_;  ///< for each address: the nearest symbol seen between it and the one before
  std::vector<std::uint64_t> above_;  ///< for each address: the nearest symbol seen above it, or 0
};

}  // namespace unzap
