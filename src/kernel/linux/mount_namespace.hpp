// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/nsproxy.c and fs/namespace.c. Facts: docs/kernel-facts/mount_namespace.md.

/// Steps of put_mnt_ns().
enum class PutMntNs : std::uint8_t { drop_reference, umount_tree };
constexpr Routine routine_of(PutMntNs) {
  return Routine::put_mnt_ns;
}

/// Steps of namespace_unlock(): it gives namespace_sem back, then waits for an expedited grace period with no
/// lock that other mounters need.
enum class NamespaceUnlock : std::uint8_t { up_namespace_sem, mntput };
constexpr Routine routine_of(NamespaceUnlock) {
  return Routine::namespace_unlock;
}

}  // namespace unzap::kernel
