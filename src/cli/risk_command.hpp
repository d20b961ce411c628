// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap risk`: which containers of this node could set the lockup off.
Command add_risk_command(CLI::App& program);

}  // namespace unzap
