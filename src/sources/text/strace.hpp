// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sources/text/builder.hpp"
#include "sources/text/lines.hpp"

namespace unzap::text {

/// Reads the trace of a program that reads /proc (strace ps): what it read, and where it got stuck.
class StraceLines {
 public:
  explicit StraceLines(Builder& builder) : builder_(builder) {}
  bool take(const Line& line);

 private:
  Builder& builder_;
  std::int32_t cmdline_of_ = 0;  ///< whose cmdline was opened last; reading it takes that task's mmap lock
};

}  // namespace unzap::text
