// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap diagnose [FILE]`: what is stuck, on whom, why, and what to do; from a capture or from this host.
/// Exit: 0 nothing stuck, 1 something stuck, 2 could not tell.
Command add_diagnose_command(CLI::App& program);

}  // namespace unzap
