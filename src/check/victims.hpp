// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "check/check.hpp"

namespace unzap {

/// What becomes of each container in the trap whose states are `trap`; `busy` are the tasks that spin there.
/// A container is a victim when none of its tasks spins and, with the flags of those that do cleared in the
/// first of these states and nothing else changed, every schedule ends it.
std::vector<CheckContainer> containers_in(const kernel::Machine& machine,
                                          const std::vector<kernel::State>& trap,
                                          const std::vector<bool>& busy);

}  // namespace unzap
