// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/picture.hpp"

namespace unzap {

/// What keeps a process that ought to reap from it, as its cgroup and its state tell: frozen, stopped,
/// traced, blocked, or nothing.
HeldUp held_up(const Picture& picture, const Task& parent);

}  // namespace unzap
