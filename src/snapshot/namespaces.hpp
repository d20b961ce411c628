// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace unzap {

/// Inode of the first pid namespace, PROC_PID_INIT_INO of include/linux/proc_ns.h: it never dies.
inline constexpr std::uint64_t k_first_pid_ns = 4026531836;

}  // namespace unzap
