// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/reading.hpp"

namespace unzap {

/// What a helper found out about the pid namespace of a task.
struct AncestryText {
  int error = 0;  ///< errno, or 0
  std::string text;
};

/// The answer to ReadKind::ancestry: the inodes of the pid namespace that `path` below `directory` leads to
/// and of those above it, one a line. They are walked with NS_GET_PARENT (ioctl_ns(2); pidns_get_parent(),
/// kernel/pid_namespace.c), which refuses with EPERM above the caller's own namespace, and also for one that
/// does not lie below it: only a walk that ends at `own` (inode; 0: not known) is whole, and a last line "?"
/// says that it is not. Of what is not a file of nsfs (a copy of a procfs): where the link points.
AncestryText read_ancestry(int directory, const char* path, std::uint64_t own);

/// Such an answer, taken apart.
struct Ancestry {
  std::uint64_t inode = 0;
  Reading<std::vector<std::uint64_t>> chain;  ///< Task::pid_ns_chain
};
std::optional<Ancestry> parse_ancestry(std::string_view text);

}  // namespace unzap
