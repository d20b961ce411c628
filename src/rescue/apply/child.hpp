// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

namespace unzap {

/// Runs `work` in a process of its own, which has our descriptors, and waits for it for at most `seconds`
/// (util/left_behind.hpp). What it returns, 0 to 255; nothing when it did not come back.
std::optional<int> in_child(double seconds, const std::function<int()>& work);

}  // namespace unzap
