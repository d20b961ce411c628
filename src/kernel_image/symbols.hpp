// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// The names that are looked for. A name that ends in '.' stands for all that begin so: what a compiler made
/// of a function ("do_wait.isra.0").
using SymbolNames = std::span<const std::string_view>;

/// True when `symbol` is one of `names`.
bool is_wanted(std::string_view symbol, SymbolNames names);

/// Where the functions of a kernel lie: the addresses of all symbols, and the names of those looked for.
class Symbols {
 public:
  /// A symbol, in any order. `symbol` is kept when it is one of `wanted`.
  void add(std::uint64_t address, std::string_view symbol, SymbolNames wanted);
  /// After the last one.
  void settle();

  std::size_t size() const { return addresses_.size(); }
  std::optional<std::uint64_t> address_of(std::string_view symbol) const;
  /// All names that were kept, with their addresses.
  const std::map<std::string, std::uint64_t, std::less<>>& named() const { return named_; }
  /// From `address` to the next symbol, at most `max_bytes`; nothing when no symbol follows in that distance.
  std::optional<std::uint64_t> size_at(std::uint64_t address, std::uint64_t max_bytes) const;

 private:
  std::vector<std::uint64_t> addresses_;
  std::map<std::string, std::uint64_t, std::less<>> named_;
};

}  // namespace unzap
