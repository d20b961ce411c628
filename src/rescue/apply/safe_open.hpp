// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "util/fd.hpp"
#include "util/result.hpp"

namespace unzap {

/// A descriptor of the file at `path`, opened for appending; made with mode 0600 when there is none. See
/// Audit::open for what it refuses.
Result<Fd> open_safely(const std::string& path);

}  // namespace unzap
