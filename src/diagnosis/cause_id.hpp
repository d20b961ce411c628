// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "util/embedded.hpp"

namespace unzap {

/// The causes that the diagnosis knows: one for each page of docs/causes, and named after it. The build makes
/// the list: docs/causes/fuse-request.md is CauseId::fuse_request.
enum class CauseId : std::uint8_t {
#include <cause_ids.inc>  // made from the names of the pages by CMakeLists.txt
};

/// The pages, by name and therefore by CauseId.
std::span<const EmbeddedFile> cause_pages();

/// The id as users know it, "fuse-request": stable, for the JSON, the pages and the command line.
inline std::string_view name(CauseId id) {
  return cause_pages()[static_cast<std::size_t>(id)].name;
}
/// Where its page is, below the source tree: "docs/causes/fuse-request.md".
std::string page_of(CauseId id);
/// The cause of that name, or nothing.
std::optional<CauseId> cause_named(std::string_view name);

}  // namespace unzap
