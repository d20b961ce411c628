// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap patched`: whether a kernel has the fix, by its machine code.
Command add_patched_command(CLI::App& program);

}  // namespace unzap
