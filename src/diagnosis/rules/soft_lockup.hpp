// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `soft-lockup`, a look-alike: the kernel reports a task that holds a CPU, and it is not a dying init.
/// Something is stuck on the host, but no container teardown is shown.
Findings soft_lockup(const Picture& picture);

}  // namespace unzap
