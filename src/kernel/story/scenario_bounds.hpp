// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace unzap::kernel {

/// The scenarios that the program brings along have 4 KiB at most, three levels and keys of one part.
inline constexpr std::size_t k_max_scenario_bytes = std::size_t{128} << 10;
inline constexpr std::size_t k_max_scenario_depth =
    16;  ///< of lists and tables in each other, parts of a key

/// Why a text must not be shown to the parser of TOML, which goes as deep as the text does: it is too long,
/// or goes too deep. Also refused is what toml++ 3.3 has undefined behaviour on: letters outside ASCII
/// (U+02EA at the start of a line). Sees strings and comments as the parser does; nothing when it may try.
std::optional<Error> refused_before_parsing(std::string_view text, const std::string& path);

}  // namespace unzap::kernel
