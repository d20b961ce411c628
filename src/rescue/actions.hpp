// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "rescue/plan.hpp"

namespace unzap {

/// The task as a target, when number, start time and process are known.
std::optional<RescueTarget> target_of(const Task& task);

/// A condition that holds or does not; `seen` says why, or what to do.
Condition condition(std::string text, bool met, std::string seen);

// One for each cause: fills in `conditions`, and `action` or `why_none`. `culprit` and `watched` are there.
void plan_clear_flag(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_thaw(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_abort_fuse(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_outside_parent(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);
void plan_end_tracer(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means);

}  // namespace unzap
