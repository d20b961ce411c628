// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace unzap {

/// A text of the repository that is part of the program, so that a single binary can explain itself.
struct EmbeddedFile {
  std::string_view name;  ///< the file's name without its extension
  std::string_view text;
};

/// docs/causes/*.md, by name.
std::span<const EmbeddedFile> cause_pages();
/// scenarios/*.toml, by name.
std::span<const EmbeddedFile> scenario_files();
/// What the module unzap_rescue is built from: kmod/unzap_rescue.c and kmod/reaper.h, by name.
std::span<const EmbeddedFile> module_sources();

/// The file of that name, or nullptr.
const EmbeddedFile* find_embedded(std::span<const EmbeddedFile> files, std::string_view name);

}  // namespace unzap
