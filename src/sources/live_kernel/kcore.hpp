// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "util/result.hpp"

namespace unzap {

/// Reads memory of the running kernel from its core file (/proc/kcore): finds the segment that holds
/// `address`. Errors: no_input, permission, io; bad_data when it is not a core file or no segment holds it.
Result<std::string> read_kcore(const std::string& path, std::uint64_t address, std::uint64_t size);

}  // namespace unzap
