// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.hpp"

namespace unzap {

/// `unzap record -o FILE`: takes a snapshot of this host and writes it as a bundle, which `unzap diagnose
/// FILE` answers anywhere as `unzap diagnose` would here. Exit: 0 written, 64 and up as everywhere.
Command add_record_command(CLI::App& program);

}  // namespace unzap
