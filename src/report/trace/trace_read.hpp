// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "check/replay.hpp"
#include "util/result.hpp"

namespace unzap {

/// The longest trace of the scenarios that the program brings along has 80 KiB.
inline constexpr std::size_t k_max_trace_bytes = std::size_t{8} << 20;

/// Reads what `check --trace FILE.json` wrote. A stranger's file is refused (bad_data) with its place: line
/// and column where it is not JSON, the path of the value where it is not a trace. What is longer, deeper or
/// of more values than any trace is refused before it is taken apart. `path` only names it.
Result<RecordedTrace> trace_from_json(std::string_view text, const std::string& path);

}  // namespace unzap
