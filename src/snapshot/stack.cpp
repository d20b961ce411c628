// SPDX-License-Identifier: Apache-2.0
#include "snapshot/stack.hpp"

#include <algorithm>
#include <array>

namespace unzap {
namespace {

constexpr std::array<std::string_view, 9> k_going_to_sleep = {
    "__schedule",       "schedule",       "schedule_timeout",    "schedule_preempt_disabled", "io_schedule",
    "preempt_schedule", "__cond_resched", "io_schedule_timeout", "schedule_hrtimeout_range"};

bool real(const Frame& frame) {
  return !frame.guess && !frame.interrupt;
}

}  // namespace

bool Stack::has(std::string_view function) const {
  return std::any_of(frames.begin(), frames.end(),
                     [&](const Frame& frame) { return real(frame) && frame.function == function; });
}

bool Stack::has_in_order(std::initializer_list<std::string_view> functions) const {
  auto wanted = functions.begin();
  for (const Frame& frame : frames) {
    if (wanted == functions.end()) break;
    if (real(frame) && frame.function == *wanted) ++wanted;
  }
  return wanted == functions.end();
}

std::string_view Stack::first_of(std::initializer_list<std::string_view> functions) const {
  for (const Frame& frame : frames)
    if (real(frame))
      for (const std::string_view function : functions)
        if (frame.function == function) return function;
  return {};
}

std::string_view Stack::top() const {
  for (const Frame& frame : frames)
    if (real(frame) &&
        std::find(k_going_to_sleep.begin(), k_going_to_sleep.end(), frame.function) == k_going_to_sleep.end())
      return frame.function;
  return {};
}

std::string_view plain_symbol(std::string_view symbol) {
  // A leading dot belongs to the name (ppc64 function descriptors); the rest is the compiler's.
  const std::size_t dot = symbol.find('.', 1);
  return dot == std::string_view::npos ? symbol : symbol.substr(0, dot);
}

}  // namespace unzap
