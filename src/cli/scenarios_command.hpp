// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap scenarios`: what `unzap check` can be asked about, with the answers that are expected.
Command add_scenarios_command(CLI::App& program);

}  // namespace unzap
