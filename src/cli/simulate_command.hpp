// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap simulate SCENARIO`: random schedules on the model.
Command add_simulate_command(CLI::App& program);

}  // namespace unzap
