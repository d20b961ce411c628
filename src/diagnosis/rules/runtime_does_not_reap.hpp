// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `runtime-does-not-reap`: the init of a container is dead as a whole, all it waited for is gone, and its
/// parent, the runtime's process outside (shim, conmon, runc in the foreground), does not take it away: it is
/// stopped, traced, frozen, blocked in the kernel, or hangs. To the runtime the container still runs.
///
/// likely:   over a second or more the init was a zombie, and the parent was stopped, in a tracer's stop,
///           frozen or in D; or not one of its threads had a context switch, and its folder shows whose shim
///           it is. A text that shows such a parent stopped or in D.
/// possible: the parent moves, and the init is a zombie for a second or more; any of it in one look.
/// Refuted by a parent that reaps: a healthy one does within milliseconds.
Findings runtime_does_not_reap(const Picture& picture);

}  // namespace unzap
