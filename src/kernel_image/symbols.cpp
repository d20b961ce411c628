// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/symbols.hpp"

#include <algorithm>

namespace unzap {

bool is_wanted(std::string_view symbol, SymbolNames names) {
  return std::any_of(names.begin(), names.end(), [symbol](std::string_view name) {
    return name.ends_with('.') ? symbol.starts_with(name) : symbol == name;
  });
}

void Symbols::add(std::uint64_t address, std::string_view symbol, SymbolNames wanted) {
  addresses_.push_back(address);
  if (is_wanted(symbol, wanted)) named_.try_emplace(std::string(symbol), address);
}

void Symbols::settle() {
  std::sort(addresses_.begin(), addresses_.end());
}

std::optional<std::uint64_t> Symbols::address_of(std::string_view symbol) const {
  const auto found = named_.find(symbol);
  return found == named_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint64_t> Symbols::size_at(std::uint64_t address, std::uint64_t max_bytes) const {
  const auto next = std::upper_bound(addresses_.begin(), addresses_.end(), address);
  if (next == addresses_.end() || *next - address > max_bytes) return std::nullopt;
  return *next - address;
}

}  // namespace unzap
