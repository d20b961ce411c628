// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace unzap {

/// True for a letter that the kernel or ps shows as the state of a task: task_state_array[]
/// (fs/proc/array.c), of kernels before 4.14 too, and task_state_to_char().
constexpr bool is_task_state(char c) {
  return c == 'R' || c == 'S' || c == 'D' || c == 'T' || c == 't' || c == 'Z' || c == 'X' || c == 'I' ||
         c == 'P' || c == 'W' || c == 'K' || c == 'x';
}

/// A task id as the kernel gives them out (at most 2^22); nothing for 0, which is the idle task of a CPU.
inline std::optional<std::int32_t> task_number(std::optional<std::int32_t> number) {
  constexpr std::int32_t k_pid_max = 1 << 22;
  if (!number || *number <= 0 || *number > k_pid_max) return std::nullopt;
  return number;
}

}  // namespace unzap
