// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "diagnosis/finding.hpp"

namespace unzap {

/// Puts the numbers that the finding knows in place of <pid>, <tid>, <init>, <parent>, <tracer>, <zombie> in
/// its commands, advice and refutations. What is not known stays as it is.
void fill_in(Finding& finding);
/// Puts `words` in place of `mark`.
void fill_in(Finding& finding, std::string_view mark, const std::string& words);

}  // namespace unzap
