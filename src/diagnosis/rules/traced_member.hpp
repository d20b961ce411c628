// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `traced-member`: a task of a dying namespace, a zombie or an exiting task belongs to a tracer that does
/// not let go. A dead thread that is not the leader releases itself (exit_notify(), autoreap), so two zombies
/// in one thread group mean a tracer even when TracerPid is not shown.
///
/// likely:   TracerPid is shown, or a pasted text shows such zombie threads; on a live host also an init that
///           did not move meanwhile.
/// possible: TracerPid on a live host without that.
Findings traced_member(const Picture& picture);

}  // namespace unzap
