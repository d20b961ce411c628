// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/toml_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "util/text.hpp"

namespace unzap::kernel {

std::string TomlReader::text_of(Place at) const {
  return fmt::format("{}:{}:{}", path_, std::max<std::size_t>(at.line, 1),
                     std::max<std::size_t>(at.column, 1));
}

void TomlReader::fail(Place at, std::string message, std::string remedy) {
  if (!error_) error_ = Error{ErrorKind::bad_data, std::move(message), text_of(at), std::move(remedy)};
}

void TomlReader::only(const toml::table& table, std::string_view where,
                      const std::vector<std::string>& allowed, const std::vector<std::string>& silent) {
  for (const auto& [key, value] : table) {
    if (std::find(allowed.begin(), allowed.end(), key.str()) != allowed.end()) continue;
    if (std::find(silent.begin(), silent.end(), key.str()) != silent.end()) continue;
    const std::string near = nearest(key.str(), allowed);
    fail(place_of(key.source()), fmt::format("unknown key `{}`{}", printable(key.str(), 64), where),
         fmt::format("{}allowed: {}", near.empty() ? "" : "did you mean `" + near + "`? ",
                     fmt::join(allowed, ", ")));
  }
}

void TomlReader::text(const toml::table& table, std::string_view key, std::string& out,
                      std::size_t max_bytes) {
  text(table.get(key), key, out, max_bytes);
}

void TomlReader::text(const toml::node* node, std::string_view key, std::string& out, std::size_t max_bytes) {
  if (!node) return;
  const auto value = node->value_exact<std::string>();
  if (!value || value->size() > max_bytes)
    return fail(*node, fmt::format("`{}` must be a string", key), fmt::format("at most {} bytes", max_bytes));
  // An escape of TOML may stand for what a terminal acts on, or nobody sees.
  if (text_repaired(*value, {.line_feeds = max_bytes > k_longest_line}))
    return fail(*node, fmt::format("`{}` has characters that are not seen", key), "write visible ones");
  out = *value;
}

void TomlReader::number(const toml::table& table, std::string_view key, std::uint8_t& out, int low,
                        int high) {
  const toml::node* node = table.get(key);
  if (!node) return;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < low || *value > high)
    return fail(*node, fmt::format("`{}` must be a whole number", key),
                fmt::format("allowed: {} to {}", low, high));
  out = static_cast<std::uint8_t>(*value);
}

void TomlReader::yes_no(const toml::table& table, std::string_view key, bool& out) {
  const toml::node* node = table.get(key);
  if (!node) return;
  const auto value = node->value_exact<bool>();
  if (!value) return fail(*node, fmt::format("`{}` must be true or false", key), "allowed: true, false");
  out = *value;
}

void TomlReader::wrong_choice(const toml::node& node, std::string_view key,
                              const std::vector<std::string_view>& allowed) {
  const auto value = node.value_exact<std::string>();
  fail(node,
       value ? fmt::format("`{}` cannot be `{}`", key, printable(*value, 64))
             : fmt::format("`{}` must be a string", key),
       fmt::format("allowed: {}", fmt::join(allowed, ", ")));
}

const toml::table* TomlReader::table(const toml::table& parent, std::string_view key) {
  const toml::node* node = parent.get(key);
  if (node && !node->is_table()) fail(*node, fmt::format("`{}` must be a table", key), "");
  return node ? node->as_table() : nullptr;
}

const toml::array* TomlReader::array(const toml::table& parent, std::string_view key,
                                     std::string_view example) {
  const toml::node* node = parent.get(key);
  if (node && !node->is_array()) fail(*node, fmt::format("`{}` must be a list", key), std::string(example));
  return node ? node->as_array() : nullptr;
}

std::vector<const toml::table*> TomlReader::tables(const toml::table& parent, std::string_view key,
                                                   std::size_t most) {
  std::vector<const toml::table*> out;
  const toml::node* node = parent.get(key);
  if (!node) return out;
  const auto refuse = [&](const toml::node& at) {
    fail(at, fmt::format("`{}` must be a list of tables", key), fmt::format("write [[{}]]", key));
  };
  if (!node->is_array()) {
    refuse(*node);
    return out;
  }
  for (const toml::node& element : *node->as_array()) {
    if (!element.is_table()) {
      refuse(element);
      return out;
    }
    out.push_back(element.as_table());
    if (out.size() > most) break;
  }
  return out;
}

}  // namespace unzap::kernel
