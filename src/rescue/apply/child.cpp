// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/child.hpp"

#include "util/left_behind.hpp"

namespace unzap {

std::optional<int> in_child(double seconds, const std::function<int()>& work) {
  LeftBehind process;
  if (process.start({.name = "unzap-child"}, work) != 0) return std::nullopt;
  return process.wait(seconds);
}

}  // namespace unzap
