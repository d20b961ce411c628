// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rescue/plan.hpp"

namespace unzap {

/// The task with this number and start time, or nullptr.
const Task* task_of(const Snapshot& snapshot, const TaskId& id);

/// The task as a target, when number, start time and process are known.
std::optional<RescueTarget> target_of(const Task& task);

/// Whether the task is in this pid namespace or in one below it; nothing when its chain is not known.
std::optional<bool> in_pid_ns(const Task& task, std::uint64_t pid_ns);

/// A condition that holds or does not; `seen` says why, or what to do.
Condition condition(std::string text, bool met, std::string seen);

/// That the target is nobody on whom others depend: no service manager, runtime, shim, kubelet or sshd by its
/// name, and without living children or tracees outside of this jam; or that it was allowed. A name is
/// chosen by the task itself, so it only ever protects. Fills in plan.serves. `held`: the tasks of the
/// finding that it holds up.
Condition may_be_signalled(Plan& plan, const Task& target, const std::vector<RescueTarget>& held,
                           const Snapshot& snapshot, const Means& means);

// One for each cause: fills in `conditions`, and `action` or `why_none`. `culprit` and `watched` are there.
void plan_clear_flag(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_thaw(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_abort_fuse(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);

// Several for a cause, the mildest first: SIGCONT or SIGCHLD, then SIGTERM, then SIGKILL. At least one.
std::vector<Plan> plans_outside_parent(const Plan& begun, const Finding& finding, const Snapshot& snapshot,
                                       const Means& means);
std::vector<Plan> plans_end_tracer(const Plan& begun, const Finding& finding, const Snapshot& snapshot,
                                   const Means& means);

}  // namespace unzap
