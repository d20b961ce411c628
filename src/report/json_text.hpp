// SPDX-License-Identifier: Apache-2.0
// The last step of every JSON that a report writes, and what all of them need for it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace unzap {

/// The keys stay in the order in which they were put there.
using Json = nlohmann::ordered_json;

/// A document of `indent` columns a level (-1: one line), with its line feed. Texts are as `printable` shows
/// them, at most 4096 bytes of each: no escape of JSON stands for a control character, one that turns the
/// direction of text or is not seen.
std::string json_text(Json value, int indent);

/// The same for a file that programs read and nobody looks at: texts stay whole and as they are, but for
/// bytes that are not UTF-8 (U+FFFD).
std::string json_file(const Json& value, int indent);

/// json_text on one line.
std::string json_line(const Json& value);

/// A Reading, an optional or a pointer: its value, or null.
template <class T>
Json value_or_null(const T& reading) {
  return reading ? Json(*reading) : Json(nullptr);
}

/// Null for what is empty.
Json text_or_null(const std::string& text);

}  // namespace unzap
