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

/// The last step of every JSON that a stranger's text may be in: a document of `indent` columns a level (-1:
/// one line), with its line feed. Texts are as `printable` shows them, at most 4096 bytes of each:
/// no escape of JSON stands for a control character, one that turns the direction of text or is not seen.
std::string json_text(Json value, int indent);

/// json_text on one line.
std::string json_line(const Json& value);

}  // namespace unzap
