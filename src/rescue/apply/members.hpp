// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace unzap {

/// The chain of pid namespaces of a process, its own first, by inode: NS_GET_PARENT, ioctl_ns(2). Read by a
/// process of its own, since opening ns/pid may wait for a task that holds its exec_update_lock. Nothing when
/// it is gone, not permitted, or did not answer within `seconds`.
std::optional<std::vector<std::uint64_t>> pid_ns_chain_of(std::int32_t pid, double seconds);

/// The numbers of all processes that /proc shows.
std::vector<std::int32_t> processes();

/// Who is left in a pid namespace.
struct Members {
  std::vector<std::int32_t> found;   ///< processes in it or below it, at most 64
  std::vector<std::int32_t> silent;  ///< processes that did not answer
  bool complete = false;             ///< all processes were asked in time, but for the silent ones
};

/// Asks every process that /proc shows, for `seconds` at most.
Members members_of(std::uint64_t pid_ns, double seconds);

}  // namespace unzap
