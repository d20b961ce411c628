// SPDX-License-Identifier: Apache-2.0
// A snapshot as compact text, for the expectations of tests.
#pragma once

#include <string>

#include "snapshot/snapshot.hpp"

namespace unzap::text {

/// One line for each task, event, cgroup and problem; what is absent is left out.
std::string dump(const Snapshot& snapshot);
/// "f g? h~ i[mod]": ? a guess, ~ an interrupt's frame.
std::string dump(const Stack& stack);

}  // namespace unzap::text
