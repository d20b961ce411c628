// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "util/scan.hpp"

namespace unzap {

/// Where a link of /proc/<pid>/ns leads: ns_get_name() (fs/nsfs.c).
struct NamespaceLink {
  std::string_view kind;    ///< "pid", "mnt", ...; a view into the text
  std::uint64_t inode = 0;  ///< the number of the namespace
};

/// The link that stands last in a text, as in "pid -> pid:[4026532278]" of ls.
inline std::optional<NamespaceLink> find_namespace_link(std::string_view text) {
  const std::size_t at = text.rfind(":[");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view number = text.substr(at + 2);
  const auto inode = eat_number<std::uint64_t>(number);
  if (!inode || !number.starts_with(']')) return std::nullopt;
  std::size_t begin = at;
  while (begin > 0 && is_symbol(text[begin - 1])) --begin;
  return NamespaceLink{text.substr(begin, at - begin), *inode};
}

/// The inode in "pid:[4026531836]", which must be the whole text.
inline std::optional<std::uint64_t> parse_namespace_link(std::string_view text) {
  const auto link = find_namespace_link(text);
  if (!link || link->kind.data() != text.data() || !text.ends_with(']')) return std::nullopt;
  return link->inode;
}

}  // namespace unzap
