// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `frozen-cgroup`: a freezer holds a task. In cgroup v1 SIGKILL does not act on a frozen task, so a dying
/// namespace waits for it. A v2 freezer lets SIGKILL through; what it does hold is a task outside that the
/// dying namespace needs (the parent or the tracer of a zombie in there), and a freeze that does not
/// complete. A task is known to be frozen by a freezer function on its stack, or by its cgroup and its state.
///
/// certain:  v1, SIGKILL is pending for it, and its freezer is shown frozen.
/// likely:   a pasted task in a freezer function; a live one of v1 that SIGKILL or a dying init waits on; a
/// frozen
///           task outside that a resting init waits for.
/// possible: a live one in a v2 freezer that SIGKILL or a dying init waits on: v2 lets SIGKILL through. A
/// live one
///           that moved between two looks: runtimes freeze for a moment to kill.
/// nothing:  a live frozen task that nobody wants to end: a paused container is normal.
Findings frozen_cgroup(const Picture& picture);

}  // namespace unzap
