// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "check/check.hpp"

namespace unzap {

/// How the kernel of a request differs from its preset: "with fix-2024".
std::vector<std::string> changes_of(const CheckRequest& asked);
/// What the search took for the same: "symmetry (2 CPUs)", "partial order".
std::vector<std::string> reductions_of(const CheckReport& report);

}  // namespace unzap
