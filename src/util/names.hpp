// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace unzap {

// The names of an enum, in one table that is read in both directions. Next to the enum, in its namespace:
//
//   enum class Origin : std::uint8_t { live, text };
//   constexpr auto names_of(Origin) {
//     return name_table<Origin>({{Origin::live, "live"}, {Origin::text, "text"}});
//   }
//
// gives name(Origin::live) == "live" and from_name<Origin>("live") == Origin::live. An enumerator without a
// row, or a row out of order, does not compile.

/// A row of such a table.
template <class Enum>
struct NameRow {
  Enum value;
  std::string_view name;
};

/// Whether `value` is an enumerator of Enum: the compiler writes a cast, "(unzap::Origin)7", if it is not.
template <class Enum, Enum value>
consteval bool is_enumerator() {
  constexpr std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::string_view key = "value = ";
  return text[text.rfind(key) + key.size()] != '(';
}

/// The table of an enum whose values count up from 0.
template <class Enum, std::size_t rows>
consteval std::array<NameRow<Enum>, rows> name_table(const NameRow<Enum> (&table)[rows]) {
  for (std::size_t row = 0; row < rows; ++row)
    if (static_cast<std::size_t>(table[row].value) != row) throw "the rows are not in the enum's order";
  if (is_enumerator<Enum, static_cast<Enum>(rows)>()) throw "an enumerator has no row";
  return std::to_array(table);
}

template <class Enum>
concept HasNames = std::is_enum_v<Enum> && requires(Enum value) {
  names_of(value);
};

template <HasNames Enum>
inline constexpr auto k_names_of = names_of(Enum{});

/// The name of a value; "?" for a number that is not an enumerator.
template <HasNames Enum>
constexpr std::string_view name(Enum value) {
  const auto row = static_cast<std::size_t>(value);
  return row < k_names_of<Enum>.size() ? k_names_of<Enum>[row].name : "?";
}

/// The value with that name, or nothing.
template <HasNames Enum>
constexpr std::optional<Enum> from_name(std::string_view text) {
  for (const NameRow<Enum>& row : k_names_of<Enum>)
    if (row.name == text) return row.value;
  return std::nullopt;
}

}  // namespace unzap
