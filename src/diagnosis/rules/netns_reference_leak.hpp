// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `netns-reference-leak`: a network namespace does not go because something still refers to one of its
/// devices. The kernel says so itself ("waiting for lo to become free"), cleanup_net loops, and every
/// clone(CLONE_NEWNET) waits behind it.
Findings netns_reference_leak(const Picture& picture);

}  // namespace unzap
