// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap explain NAME`: the page of a cause (what it is, how to see it, what to do), or the story of a
/// scenario.
Command add_explain_command(CLI::App& program);

}  // namespace unzap
