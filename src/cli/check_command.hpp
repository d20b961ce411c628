// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap check SCENARIO`: explores the scenario on a kernel; proves that it ends, or shows how it locks up.
/// Exit: 0 proved, 13 lockup found, 14 busy wait found, 5 inconclusive.
Command add_check_command(CLI::App& program);

}  // namespace unzap
