// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace unzap {

/// Why write_file would refuse, as far as one can know before: there is such a file and `overwrite` is
/// false (usage), something else than a file has this name, its folder is missing or may not be written to.
std::optional<Error> cannot_write_file(const std::string& path, bool overwrite);

/// Writes a file as a whole or not at all: into a file beside it, which then takes its name. Never through
/// a link, into a device or a pipe. Nothing on success.
std::optional<Error> write_file(const std::string& path, std::string_view data, bool overwrite);

}  // namespace unzap
