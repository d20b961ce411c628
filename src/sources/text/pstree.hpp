// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace unzap::text {

/// A process or thread in a line of `pstree -p`.
struct TreeNode {
  std::size_t column = 0;  ///< where it begins, in characters; its parent begins further left
  std::int32_t tid = 0;
  std::string_view comm;
  bool thread = false;  ///< "{name}": a thread of its parent
};

struct TreeLine {
  std::vector<TreeNode> nodes;
  bool has_branch = false;  ///< shows branches of a tree: without them it may be anything
};

/// Reads "systemd(1)-+-sshd(12)---{sshd}(13)" and the `-a` form "  `-sshd,12,12 -D"; no nodes: it is neither.
TreeLine parse_tree_line(std::string_view line);

}  // namespace unzap::text
