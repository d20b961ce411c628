// SPDX-License-Identifier: Apache-2.0
#pragma once

// toml++ 3.3 asserts some of what it should refuse (`[ = ` at the start of a line), in a build with NDEBUG
// even assumes it. Here it is refused in every build; the parser's functions may throw.
namespace unzap::kernel {
struct TomlAssertion {};
[[noreturn]] inline void refuse_toml() {
  throw TomlAssertion{};
}
}  // namespace unzap::kernel
#undef NDEBUG
#define TOML_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::unzap::kernel::refuse_toml())
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/story/scenario.hpp"
#include "util/result.hpp"

namespace unzap::kernel {

/// The values that a key may have, and what they stand for.
template <class Enum>
using Choices = std::vector<std::pair<std::string_view, Enum>>;

/// Reads tables key by key and keeps the first thing that is wrong. A key that is missing changes nothing.
class TomlReader {
 public:
  explicit TomlReader(std::string path) : path_(std::move(path)) {}

  const std::optional<Error>& error() const { return error_; }
  void fail(Place at, std::string message, std::string remedy);
  void fail(const toml::node& at, std::string message, std::string remedy) {
    fail(place_of(at), std::move(message), std::move(remedy));
  }
  static Place place_of(const toml::node& node) { return place_of(node.source()); }
  static Place place_of(const toml::source_region& at) { return {at.begin.line, at.begin.column}; }
  /// The place as errors and hints name it; without one, the beginning of the file.
  std::string text_of(Place at) const;

  /// Refuses keys of `table` that are among neither `allowed` nor `silent`, which it does not recommend.
  void only(const toml::table& table, std::string_view where, const std::vector<std::string>& allowed,
            const std::vector<std::string>& silent = {});

  /// A text of at most `max_bytes`; only one of more than k_longest_line may have lines.
  void text(const toml::table& table, std::string_view key, std::string& out, std::size_t max_bytes);
  void text(const toml::node* node, std::string_view key, std::string& out, std::size_t max_bytes);
  void number(const toml::table& table, std::string_view key, std::uint8_t& out, int low, int high);
  void yes_no(const toml::table& table, std::string_view key, bool& out);
  template <class Enum>
  void choice(const toml::node* node, std::string_view key, Enum& out, const Choices<Enum>& allowed);
  /// The elements of the list `key`, each one of `allowed`; of a list that is too long, `most` and one.
  template <class Enum>
  void list(const toml::table& table, std::string_view key, std::string_view example, std::size_t most,
            const Choices<Enum>& allowed, std::vector<Enum>& out);

  /// The sub-table `key`, or nullptr when it is missing (or not a table, which is an error).
  const toml::table* table(const toml::table& parent, std::string_view key);
  /// The list `key`, or nullptr when it is missing (or not a list, which is an error).
  const toml::array* array(const toml::table& parent, std::string_view key, std::string_view example);
  /// The tables `[[key]]`, at most `most` and one; an error if one is something else.
  std::vector<const toml::table*> tables(const toml::table& parent, std::string_view key, std::size_t most);

  static constexpr std::size_t k_longest_line = 200;

 private:
  void wrong_choice(const toml::node& node, std::string_view key,
                    const std::vector<std::string_view>& allowed);

  std::string path_;
  std::optional<Error> error_;
};

template <class Enum>
void TomlReader::choice(const toml::node* node, std::string_view key, Enum& out,
                        const Choices<Enum>& allowed) {
  if (!node) return;
  std::vector<std::string_view> names;
  const auto value = node->value_exact<std::string>();
  for (const auto& [name, meaning] : allowed) {
    names.push_back(name);
    if (!value || *value != name) continue;
    out = meaning;
    return;
  }
  wrong_choice(*node, key, names);
}

template <class Enum>
void TomlReader::list(const toml::table& table, std::string_view key, std::string_view example,
                      std::size_t most, const Choices<Enum>& allowed, std::vector<Enum>& out) {
  const toml::array* elements = array(table, key, example);
  if (!elements) return;
  for (const toml::node& element : *elements) {
    Enum value = allowed.front().second;
    choice(&element, key, value, allowed);
    out.push_back(value);
    if (out.size() > most) return;
  }
}

}  // namespace unzap::kernel
