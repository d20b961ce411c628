// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "util/result.hpp"

namespace unzap {

/// An input as far as it was read.
struct FileText {
  std::string text;
  bool cut = false;  ///< true when the input was longer than the limit; the rest was not read
};

/// Reads a regular file, pipe or, for "-", standard input; at most `max_bytes` of it.
/// Errors: no_input (does not exist), permission, io; a folder is an io error.
Result<FileText> read_file(const std::string& path, std::size_t max_bytes);

}  // namespace unzap
