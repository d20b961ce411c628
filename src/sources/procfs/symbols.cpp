// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/symbols.hpp"

#include <algorithm>
#include <utility>

#include "util/text.hpp"

namespace unzap {
namespace {

// No function of the kernel is larger; what is farther from its symbol belongs to none that is listed.
constexpr std::uint64_t k_most_bytes = std::uint64_t{1} << 20;

bool is_code(std::string_view type) {
  return type == "t" || type == "T" || type == "w" || type == "W";
}

}  // namespace

SymbolTable::SymbolTable(std::vector<std::uint64_t> addresses) : addresses_(std::move(addresses)) {
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
  below_.resize(addresses_.size());
  above_.resize(addresses_.size());
}

void SymbolTable::take(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || line.size() < blank + 3) return;
  const auto address = parse_number<std::uint64_t>(line.substr(0, blank), 16);
  if (!address || *address == 0 || !is_code(line.substr(blank + 1, 1))) return;
  const auto at = std::lower_bound(addresses_.begin(), addresses_.end(), *address);
  const auto place = static_cast<std::size_t>(at - addresses_.begin());
  if (place > 0 && (above_[place - 1] == 0 || *address < above_[place - 1])) above_[place - 1] = *address;
  if (at == addresses_.end() || below_[place].address >= *address) return;
  const std::vector<std::string_view> words = split_words(line.substr(blank + 2));
  if (words.empty()) return;
  Symbol& symbol = below_[place];
  symbol.address = *address;
  symbol.name = words[0];
  symbol.module = words.size() > 1 ? std::string(words[1]) : "";
}

Frame SymbolTable::frame(std::uint64_t address) const {
  Frame frame;
  const auto at = std::lower_bound(addresses_.begin(), addresses_.end(), address);
  if (at == addresses_.end() || *at != address) return frame;
  const auto place = static_cast<std::size_t>(at - addresses_.begin());
  // The nearest symbol below may have been noted for an address before this one, the nearest above for one
  // behind.
  const Symbol* below = nullptr;
  for (std::size_t i = place + 1; i-- > 0 && below == nullptr;)
    if (below_[i].address != 0) below = &below_[i];
  std::uint64_t above = 0;
  for (std::size_t i = place; i < above_.size() && above == 0; ++i) above = above_[i];
  if (below == nullptr || address - below->address >= k_most_bytes) return frame;
  frame.function = plain_symbol(below->name);
  frame.offset = address - below->address;
  frame.size = above > address ? std::min(above - below->address, k_most_bytes) : frame.offset + 1;
  frame.module = below->module;
  if (frame.module.size() > 2 && frame.module.front() == '[')
    frame.module = frame.module.substr(1, frame.module.size() - 2);
  return frame;
}

}  // namespace unzap
