// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "check/replay.hpp"
#include "util/result.hpp"

namespace unzap {

/// Reads what `check --trace FILE.json` wrote. A stranger's file is refused (bad_data) with its place: line
/// and column where it is no JSON, the path of the value where it is no trace. `path` only names it.
Result<RecordedTrace> trace_from_json(std::string_view text, const std::string& path);

}  // namespace unzap
