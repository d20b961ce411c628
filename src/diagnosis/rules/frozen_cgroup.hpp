// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `frozen-cgroup`: a freezer holds a task. In cgroup v1 SIGKILL does not act on a frozen task, so a dying
/// namespace waits for it; a v2 freeze that does not complete leaves the cgroup half frozen.
///
/// certain:  it sits in __refrigerator(), SIGKILL is pending for it, and its freezer is shown frozen.
/// likely:   a pasted task in a freezer function; a live one in __refrigerator() that SIGKILL or a dying init
///           waits on.
/// possible: a live one in a v2 freezer that SIGKILL or a dying init waits on: v2 lets SIGKILL through.
/// nothing:  a live frozen task that nobody wants to end: a paused container is normal.
Findings frozen_cgroup(const WaitGraph& graph);

}  // namespace unzap
