// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `unreaped-by-outside-parent`: the dying init waits in the second loop of zap_pid_ns_processes() for pid
/// numbers that zombies still hold, and these zombies have their parent outside the namespace (setns + fork:
/// exec, shim, conmon). The parent does not reap, or cannot: it waits itself for the dying (rmdir in
/// cgroup_drain_dying(), rcu_tasks).
///
/// certain:  the whole circle is shown: a parent that a hung task report finds blocked in such a wait, its
///           zombie, and the init.
/// likely:   second loop and such zombies; or a parent pasted in such a wait.
/// possible: the second loop alone, in a pasted text.
Findings unreaped_by_outside_parent(const Picture& picture);

}  // namespace unzap
