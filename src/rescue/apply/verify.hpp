// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rescue/plan.hpp"
#include "snapshot/reading.hpp"

namespace unzap {

/// What /proc says of one task now, from files that do not wait for the task: stat and status.
struct TaskNow {
  char state = '?';  ///< 'z': its leader is dead, other threads of it are not
  std::uint64_t flags = 0;
  std::uint64_t switches = 0;  ///< context switches, both kinds
  std::int32_t tgid = 0;
  std::int32_t ppid = 0;    ///< the process of its parent
  std::int32_t tracer = 0;  ///< the thread that traces it; 0: none
  bool killed = false;      ///< SIGKILL is pending, for it or for its process

  bool dead() const { return state == 'Z' || state == 'X'; }
};

/// The task with this number and start time. `gone`: there is none, or another one has its number; any other
/// absence: it could not be told.
Reading<TaskNow> look_at(const TaskId& id);

/// A task that is stuck, and where it stood immediately before the act.
struct Awaited {
  RescueTarget target;
  bool exiting = false;
  bool zombie = false;
  std::uint64_t switches = 0;
};

/// How those who are watched stand immediately before the act.
struct Standing {
  std::vector<Awaited> stuck;      ///< there, and unmoved since the plan was made
  std::vector<std::string> ended;  ///< labels: gone by themselves
  std::vector<std::string> moved;  ///< labels: there, but they got on by themselves
  std::vector<std::string> unknown;
};
Standing look_before(const std::vector<Watched>& watched);

/// Why there is nothing to free, or nothing that could be told to be freed; empty: somebody is stuck, and the
/// init of the dying namespace with them. `spins`: the init runs, and may have switched meanwhile.
std::string nothing_stuck(const Plan& plan, const Standing& standing, bool spins);

/// Those that have not come free. A zombie must be reaped; one that is exiting or killed, be it since the
/// act, must die; another one must get on. One that could not be looked at is not free.
std::vector<Awaited> not_yet_free(const std::vector<Awaited>& awaited);

/// "job[71] (D, in fuse_request)": where they stand now. What of it may block is read by a process that is
/// left behind then; bounded in number and time.
std::string where_they_stand(const std::vector<Awaited>& awaited);

/// True when an RCU grace period ends within `seconds`, as membarrier(2) needs one. Nothing when this kernel
/// has no such call.
std::optional<bool> rcu_completes(double seconds);

}  // namespace unzap
