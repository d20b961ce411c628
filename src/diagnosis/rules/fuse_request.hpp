// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `fuse-request`: a task waits for the answer of a FUSE server that is gone, stuck, or being killed in the
/// same pid namespace. A task past exit_signals() waits in vain even when the wait is killable:
/// complete_signal() gives it no private SIGKILL (ShdPnd has the bit, SigPnd has not). likely at most:
/// whether the server is dead or slow is outside the snapshot.
Findings fuse_request(const WaitGraph& graph);

}  // namespace unzap
