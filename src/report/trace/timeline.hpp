// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "check/check.hpp"

namespace unzap {

/// A counterexample from top to bottom, a column per CPU. The step after which no schedule leads out is
/// marked, and so is where the loop begins. `width`: columns of the terminal.
std::string timeline(const CheckReport& report, std::size_t width, bool color);

}  // namespace unzap
