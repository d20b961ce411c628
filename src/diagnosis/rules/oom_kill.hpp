// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `oom-kill`, a look-alike: the kernel killed a process for want of memory. That ends a container; it does
/// not keep one from ending. Nothing is stuck.
Findings oom_kill(const Picture& picture);

}  // namespace unzap
