// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "kernel/machine/machine.hpp"

namespace unzap {

/// "run", "pick", ... as traces name them; stable.
std::string_view name(kernel::Event event);
std::string_view name(kernel::Environment what);
/// Nothing when there is no such name.
std::optional<kernel::Event> find_event(std::string_view name);
std::optional<kernel::Environment> find_environment(std::string_view name);

}  // namespace unzap
