// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `hung-task`, a look-alike: the kernel reports a task blocked for minutes, at a place that no cause knows,
/// and it is neither exiting nor a member of a dying namespace.
Findings hung_task(const Picture& picture);

}  // namespace unzap
