// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "sources/text/builder.hpp"
#include "sources/text/lines.hpp"
#include "sources/text/ps_parse.hpp"

namespace unzap::text {

/// Reads ps, top and pstree listings.
class Listings {
 public:
  explicit Listings(Builder& builder) : builder_(builder) {}

  bool take(const Line& line);
  /// A command was given: what follows may be its listing.
  void command(std::string_view command);
  /// Other text begins: the columns are no longer known.
  void leave();
  /// The task of the row that was read last, when `line` is its number; for a stack that follows at once.
  TaskRef last_row(std::size_t line) const { return line == last_line_ ? last_ : k_none; }

 private:
  struct Branch {
    std::size_t depth;
    std::int32_t pid;
  };
  bool take_row(const Line& line, const PsLayout& layout);
  bool take_rest_of_row(const Line& line);
  bool take_bare_branch(const Line& line);
  bool take_pstree(const Line& line);
  Reading<std::int32_t> parent_at(std::size_t depth, std::int32_t pid);

  Builder& builder_;
  PsLayout layout_;
  bool has_layout_ = false;
  bool command_pending_ = false;  ///< the last row ended before its command: a mailer broke the line
  int strangers_ = 0;             ///< lines since the last row
  bool pstree_ = false;           ///< the command was pstree
  bool threads_ = false;          ///< top said "Threads:"
  std::unordered_set<std::int32_t> seen_;
  std::vector<Branch> branches_;
  TaskRef last_ = k_none;
  std::size_t last_line_ = 0;
};

}  // namespace unzap::text
