// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// kernel/nsproxy.c and fs/namespace.c. Facts: docs/kernel-facts/mount_namespace.md.

/// exit_task_namespaces() whose nsproxy reference was the last, down to put_mnt_ns().
void step_exit_task_namespaces(Step& x);
void step_put_mnt_ns(Step& x);
/// Gives namespace_sem back, then waits for an expedited grace period with no lock that other mounters need.
void step_namespace_unlock(Step& x);

}  // namespace unzap::kernel
