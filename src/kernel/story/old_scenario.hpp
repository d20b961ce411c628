// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/story/toml_reader.hpp"

namespace unzap::kernel {

// Before [[process]] and [[container]] a scenario had a table for each member of a fixed cast. Files of that
// form are still read in this release, with a hint for each old key.

/// The old keys of the table `where` ("": of the file) that are still read.
const std::vector<std::string>& old_keys(std::string_view where);

/// Reads the old keys of a file into the lists that they stand for, and adds a hint for each. Old tables next
/// to [[process]] or [[container]] are an error. A file with neither gets the init that was the default.
void read_old_keys(TomlReader& reader, const toml::table& root, Scenario& s);

}  // namespace unzap::kernel
