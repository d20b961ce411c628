// SPDX-License-Identifier: Apache-2.0
// /proc/<pid>/stack.
#include "fuzz.hpp"
#include "linux/frames.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto stack = parse_stack_file(input, "fuzz");
  if (!stack) return;
  must(stack->frames.size() <= input.size() && stack->where == "fuzz");
  must(stack->top().size() <= input.size());
}
