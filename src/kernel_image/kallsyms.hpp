// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel_image/bytes.hpp"
#include "kernel_image/symbols.hpp"
#include "util/result.hpp"

namespace unzap {

/// The order of the tables that scripts/kallsyms writes.
enum class KallsymsLayout : std::uint8_t {
  addresses_first,  ///< before 6.4: addresses or offsets, number, names, markers, (6.2: sequence), tokens
  addresses_last,   ///< from 6.4 on: number, names, markers, tokens, offsets, base, sequence
};

/// The symbols that a kernel carries for its own backtraces.
struct Kallsyms {
  KallsymsLayout layout = KallsymsLayout::addresses_first;
  std::uint32_t count = 0;
  Symbols symbols;
};

/// How much of a kernel may be tried before its tables are given up: in a hostile image every place could
/// look like the beginning of a table. One for all parts of an image.
struct KallsymsEffort {
  std::size_t names = std::size_t{1} << 24;
  int places = 4096;   ///< that look like a table of tokens at first sight
  int candidates = 8;  ///< that are one
};

/// Finds the kallsyms tables in a part of a kernel's memory, as kernels from 5.10 to 6.18 lay them out on a
/// 64-bit little-endian machine, and reads them. Nothing is assumed about where they lie: the table of tokens
/// is known by its letters and digits, and every table must agree with the others.
/// Errors: bad_data with what was not found. Takes what it tries off `effort`.
Result<Kallsyms> find_kallsyms(ByteView memory, SymbolNames wanted, KallsymsEffort& effort);

/// The symbols of the text of /proc/kallsyms. Those of modules are left out, and returned in `of_modules`
/// when they are wanted: what a live patch put in the place of a function. An error when every address is 0:
/// the reader is not allowed to see them.
Result<Symbols> parse_proc_kallsyms(std::string_view text, SymbolNames wanted, Symbols& of_modules);

}  // namespace unzap
