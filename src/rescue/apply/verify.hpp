// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rescue/plan.hpp"

namespace unzap {

/// What /proc says of one task now.
struct TaskNow {
  char state = '?';
  std::uint64_t flags = 0;
  std::uint64_t switches = 0;  ///< context switches, both kinds
};

/// The task with this number and start time; nothing when it is gone or another has its number.
std::optional<TaskNow> look_at(const TaskId& id);

/// A task that is waited for, and where it stood when the waiting began.
struct Awaited {
  RescueTarget target;
  bool exiting = false;
  std::uint64_t switches = 0;
};
std::vector<Awaited> begin_to_await(const std::vector<RescueTarget>& targets);

/// Those that have not come free: an exiting one that is still there, another one that has not switched
/// since. A zombie whose process has no other thread is free: it waits for nobody but its parent.
std::vector<Awaited> not_yet_free(const std::vector<Awaited>& awaited);

/// True when an RCU grace period ends within `seconds`, as membarrier(2) needs one. Nothing when this kernel
/// has no such call.
std::optional<bool> rcu_completes(double seconds);

}  // namespace unzap
