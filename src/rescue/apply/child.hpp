// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

namespace unzap {

/// Runs `work` in a process of its own and waits for it, for so long. What it returns, 0 to 255; nothing when
/// it did not come back: it is killed then and left behind. On a jammed machine a system call may wait for
/// ever, and nothing but the kernel can end that wait.
std::optional<int> in_child(double seconds, const std::function<int()>& work);

}  // namespace unzap
