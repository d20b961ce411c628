// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "check/replay.hpp"

namespace unzap {

/// What running a trace again showed, for a reader. `width`: columns.
std::string replay_to_text(const ReplayReport& report, std::size_t width, bool color);
/// The JSON of `unzap replay`, by docs/schema/replay.schema.json.
std::string replay_to_json(const ReplayReport& report);

}  // namespace unzap
