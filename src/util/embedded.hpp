// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace unzap {

/// A text of the repository that is part of the program, so that a single binary can explain itself. Compiled
/// in by unzap_embed() of cmake/Embed.cmake, sorted by name.
struct EmbeddedFile {
  std::string_view name;  ///< the file's name without its extension
  std::string_view text;
};

/// The file of that name, or nullptr.
inline const EmbeddedFile* find_embedded(std::span<const EmbeddedFile> files, std::string_view name) {
  for (const EmbeddedFile& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

}  // namespace unzap
