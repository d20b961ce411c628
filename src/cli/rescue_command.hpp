// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap rescue`: a plan against what is stuck, and with --apply its execution.
Command add_rescue_command(CLI::App& program);

}  // namespace unzap
