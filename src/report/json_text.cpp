// SPDX-License-Identifier: Apache-2.0
#include "report/json_text.hpp"

#include "util/text.hpp"

namespace unzap {
namespace {

void make_printable(Json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    const bool clean = text.size() <= k_shown_text_bytes && !text_repaired(text, {.line_feeds = false});
    if (!clean) text = printable(text);
  } else if (value.is_object()) {
    for (auto& [key, member] : value.get_ref<Json::object_t&>()) make_printable(member);
  } else if (value.is_array()) {
    for (Json& element : value) make_printable(element);
  }
}

}  // namespace

std::string json_text(Json value, int indent) {
  make_printable(value);
  return json_file(value, indent);
}

std::string json_file(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string json_line(const Json& value) {
  return json_text(value, -1);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace unzap
