// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/kallsyms.hpp"

#include <array>
#include <vector>

#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_align = 8;
constexpr std::size_t k_tokens = 256;
constexpr std::size_t k_marker_step = 256;
constexpr std::uint32_t k_min_symbols = 256;
constexpr std::uint32_t k_max_symbols = std::uint32_t{1} << 22;
constexpr std::size_t k_max_names_bytes = std::size_t{32} << 20;
constexpr std::size_t k_max_token_bytes = 128;
constexpr std::size_t k_max_name_bytes = 1024;

std::size_t align_up(std::size_t value) {
  return (value + k_align - 1) / k_align * k_align;
}

/// The tables that a name is expanded with.
struct Tokens {
  std::size_t begin = 0;  ///< of kallsyms_token_table
  std::size_t end = 0;    ///< behind kallsyms_token_index
  std::array<std::string_view, k_tokens> text;
};

/// The token table holds each character that stands in a name as itself: "0\0" to "9\0" lie side by side.
constexpr std::string_view k_digits("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0", 20);

/// The tables around the digits at `at`: 256 texts, then where each of them begins.
std::optional<Tokens> tokens_around(ByteView memory, std::size_t at) {
  std::size_t end = at;
  for (std::size_t token = '0'; token < k_tokens; ++token) {
    const std::string_view text = text_of(memory).substr(end, k_max_token_bytes);
    const std::size_t size = text.find('\0');
    if (size == std::string_view::npos) return std::nullopt;
    end += size + 1;
  }
  const std::size_t index = align_up(end);
  const auto of_zero = number_at<std::uint16_t>(memory, index + 2 * std::size_t{'0'});
  if (!of_zero || *of_zero > at) return std::nullopt;
  Tokens out{at - *of_zero, index + 2 * k_tokens, {}};
  if (out.begin % k_align != 0) return std::nullopt;
  std::size_t offset = 0;
  for (std::size_t token = 0; token < k_tokens; ++token) {
    const auto stated = number_at<std::uint16_t>(memory, index + 2 * token);
    if (!stated || *stated != offset) return std::nullopt;
    out.text[token] = text_to_nul(memory.subspan(out.begin + offset, end - out.begin - offset));
    offset += out.text[token].size() + 1;
  }
  return out;
}

/// One packed name: where its codes are, and where the next one begins.
struct PackedName {
  ByteView codes;
  std::size_t next = 0;
};

std::optional<PackedName> name_at(ByteView memory, std::size_t at) {
  if (at >= memory.size()) return std::nullopt;
  std::size_t size = memory[at++];
  if (size & 0x80) {  // from 6.1 on: a name of more than 127 codes
    if (at >= memory.size()) return std::nullopt;
    size = (size & 0x7f) | (std::size_t{memory[at++]} << 7);
  }
  const auto codes = part_of(memory, at, size);
  if (size == 0 || !codes) return std::nullopt;
  return PackedName{*codes, at + size};
}

bool is_symbol_type(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '?';
}

/// kallsyms_num_syms, _names and _markers.
struct Names {
  std::size_t number_at = 0;  ///< of kallsyms_num_syms
  std::size_t begin = 0;      ///< of kallsyms_names
  std::size_t end = 0;        ///< behind kallsyms_markers
  std::uint32_t count = 0;
};

/// The names whose number stands at `at`, when everything about them holds. Each name takes one of `budget`:
/// in a hostile image every place could look like a long list of names.
std::optional<Names> names_at(ByteView memory, std::size_t at, const Tokens& tokens, std::size_t& budget) {
  const auto count = number_at<std::uint32_t>(memory, at);
  const auto padding = number_at<std::uint32_t>(memory, at + 4);
  if (!count || padding != 0u || *count < k_min_symbols || *count > k_max_symbols) return std::nullopt;
  const ByteView before = memory.first(tokens.begin);
  std::size_t position = at + k_align;
  std::vector<std::uint32_t> starts;
  for (std::uint32_t i = 0; i < *count; ++i) {
    if (i % k_marker_step == 0) starts.push_back(static_cast<std::uint32_t>(position - at - k_align));
    const auto name = name_at(before, position);
    if (!name || budget == 0) return std::nullopt;
    --budget;
    const std::string_view first = tokens.text[name->codes[0]];
    if (first.empty() || !is_symbol_type(first[0])) return std::nullopt;
    position = name->next;
  }
  const std::size_t markers = align_up(position);
  for (std::size_t i = 0; i < starts.size(); ++i)
    if (number_at<std::uint32_t>(before, markers + 4 * i) != starts[i]) return std::nullopt;
  return Names{at, at + k_align, align_up(markers + 4 * starts.size()), *count};
}

std::optional<Names> names_before(ByteView memory, const Tokens& tokens, std::size_t& budget) {
  const std::size_t first = tokens.begin > k_max_names_bytes ? tokens.begin - k_max_names_bytes : 0;
  for (std::size_t at = align_up(first); at + k_align < tokens.begin && budget > 0; at += k_align) {
    if (const auto names = names_at(memory, at, tokens, budget)) {
      // The markers lie at the tokens, or with kallsyms_seqs_of_names, three bytes a symbol, between them.
      const std::size_t gap = tokens.begin - std::min(names->end, tokens.begin);
      if (gap == 0 || gap == align_up(std::size_t{3} * names->count)) return names;
    }
  }
  return std::nullopt;
}

/// Where the addresses are, and how they are written.
struct Addresses {
  std::size_t begin = 0;
  bool absolute = false;   ///< 64-bit addresses; else 32-bit offsets
  std::uint64_t base = 0;  ///< of the offsets
};

std::uint64_t offset_address(std::uint32_t offset, std::uint64_t base, bool per_cpu) {
  if (!per_cpu) return base + offset;
  // With KALLSYMS_ABSOLUTE_PERCPU a negative number is an offset, the others are what they are.
  const auto value = static_cast<std::int32_t>(offset);
  return value >= 0 ? offset : base - 1 - static_cast<std::uint64_t>(std::int64_t{value});
}

bool is_kernel_address(std::uint64_t address) {
  return address >= std::uint64_t{1} << 63;
}

/// scripts/kallsyms sorts by address: how many of `count` addresses stand below the one before.
template <class Of>
bool is_sorted_table(std::uint32_t count, const Of& address_of) {
  std::uint64_t before = 0;
  std::uint32_t high = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t address = address_of(i);
    if (address < before) return false;
    before = address;
    high += is_kernel_address(address);
  }
  return high > count / 2;
}

/// Offsets at `begin` whose base is at `base_at`, when the result is a table of addresses in order.
std::optional<Addresses> offsets_at(ByteView memory, std::size_t begin, std::size_t base_at,
                                    std::uint32_t count, bool& per_cpu) {
  const auto offsets = part_of(memory, begin, std::uint64_t{4} * count);
  const auto base = number_at<std::uint64_t>(memory, base_at);
  if (!offsets || !base || !is_kernel_address(*base)) return std::nullopt;
  for (const bool assumed : {true, false}) {
    per_cpu = assumed;
    const auto address_of = [&](std::uint32_t i) {
      return offset_address(*number_at<std::uint32_t>(*offsets, std::uint64_t{4} * i), *base, assumed);
    };
    if (is_sorted_table(count, address_of)) return Addresses{begin, false, *base};
  }
  return std::nullopt;
}

std::optional<Addresses> addresses_of(ByteView memory, const Names& names, const Tokens& tokens,
                                      KallsymsLayout& layout, bool& per_cpu) {
  const std::size_t offsets_bytes = align_up(std::size_t{4} * names.count);
  const std::size_t behind = align_up(tokens.end);
  layout = KallsymsLayout::addresses_last;
  if (const auto out = offsets_at(memory, behind, behind + offsets_bytes, names.count, per_cpu)) return out;
  layout = KallsymsLayout::addresses_first;
  if (names.number_at >= 8 + offsets_bytes)
    if (const auto out = offsets_at(memory, names.number_at - 8 - offsets_bytes, names.number_at - 8,
                                    names.count, per_cpu))
      return out;
  const std::size_t bytes = std::size_t{8} * names.count;
  if (names.number_at < bytes) return std::nullopt;
  const std::size_t begin = names.number_at - bytes;
  const auto address_of = [&](std::uint32_t i) {
    return *number_at<std::uint64_t>(memory, begin + std::uint64_t{8} * i);
  };
  if (is_sorted_table(names.count, address_of)) return Addresses{begin, true, 0};
  return std::nullopt;
}

void expand(ByteView codes, const Tokens& tokens, std::string& out) {
  out.clear();
  for (const std::uint8_t code : codes)
    if (out.size() < k_max_name_bytes) out += tokens.text[code];
}

Error not_found(std::string_view what) {
  return {ErrorKind::bad_data, std::string(what), "",
          "give the vmlinux with its symbols (linux-image-...-dbg), or look at the running kernel"};
}

Result<Kallsyms> read_tables(ByteView memory, const Names& names, const Tokens& tokens, SymbolNames wanted) {
  Kallsyms out;
  out.count = names.count;
  bool per_cpu = false;
  const auto addresses = addresses_of(memory, names, tokens, out.layout, per_cpu);
  if (!addresses) return not_found("the kallsyms tables have names, and no addresses in a known layout");
  std::string symbol;
  std::size_t at = names.begin;
  for (std::uint32_t i = 0; i < names.count; ++i) {
    const auto packed = name_at(memory, at);
    if (!packed) return not_found("the names of the kallsyms tables end too early");
    at = packed->next;
    expand(packed->codes, tokens, symbol);
    const std::uint64_t address =
        addresses->absolute
            ? *number_at<std::uint64_t>(memory, addresses->begin + std::uint64_t{8} * i)
            : offset_address(*number_at<std::uint32_t>(memory, addresses->begin + std::uint64_t{4} * i),
                             addresses->base, per_cpu);
    // The first letter is the type of the symbol.
    if (is_kernel_address(address)) out.symbols.add(address, std::string_view(symbol).substr(1), wanted);
  }
  out.symbols.settle();
  return out;
}

}  // namespace

Result<Kallsyms> find_kallsyms(ByteView memory, SymbolNames wanted, KallsymsEffort& effort) {
  const std::string_view text = text_of(memory);
  Error last = not_found("no kallsyms tables were found in the image (CONFIG_KALLSYMS is off?)");
  for (std::size_t at = text.find(k_digits); at != std::string_view::npos; at = text.find(k_digits, at + 1)) {
    if (effort.places-- <= 0) break;
    const auto tokens = tokens_around(memory, at);
    if (!tokens) continue;
    if (effort.candidates-- <= 0) break;
    last = not_found("the image has a kallsyms table of tokens, and no names in a known layout");
    const auto names = names_before(memory, *tokens, effort.names);
    if (!names) continue;
    Result<Kallsyms> tables = read_tables(memory, *names, *tokens, wanted);
    if (tables) return tables;
    last = tables.error();
  }
  return last;
}

Result<Symbols> parse_proc_kallsyms(std::string_view text, SymbolNames wanted, Symbols& of_modules) {
  Symbols out;
  bool any_address = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t type = line.find(' ');
    if (type == std::string_view::npos || line.size() < type + 4) continue;
    const auto address = parse_number<std::uint64_t>(line.substr(0, type), 16);
    const std::size_t name_end = std::min(line.find('\t', type + 3), line.size());
    const std::string_view symbol = line.substr(type + 3, name_end - type - 3);
    if (!address) continue;
    any_address = any_address || *address != 0;
    if (name_end < line.size())
      of_modules.add(*address, symbol, wanted);
    else if (is_kernel_address(*address))
      out.add(*address, symbol, wanted);
  }
  if (!any_address)
    return Error{ErrorKind::permission, "the kernel hides the addresses of its symbols", "/proc/kallsyms",
                 "run it as root with kernel.kptr_restrict below 2"};
  out.settle();
  of_modules.settle();
  return out;
}

}  // namespace unzap
