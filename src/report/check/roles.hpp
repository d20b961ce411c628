// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "check/check.hpp"

namespace unzap {

/// What a task is in the story: "an io-wq worker, a thread of npm start".
std::string role_of(const kernel::Config& config, kernel::TaskNo no);

}  // namespace unzap
