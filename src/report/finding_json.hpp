// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "diagnosis/finding.hpp"

namespace unzap {

using Json = nlohmann::ordered_json;

inline constexpr int k_finding_schema_version = 1;

/// A finding as docs/schema/diagnose.schema.json has it.
Json finding_json(const Finding& finding);

/// One line, with its line feed. Bytes that are no UTF-8 are replaced (U+FFFD).
std::string json_line(const Json& value);

}  // namespace unzap
