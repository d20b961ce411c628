// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap replay TRACE.json`: runs a counterexample again on the model.
Command add_replay_command(CLI::App& program);

}  // namespace unzap
