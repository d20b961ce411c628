// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `zombie-under-live-parent`, a look-alike: a whole dead process whose parent runs and has not reaped it
/// (yet). On a live host `possible` at most and only when there are many; in a pasted text likely when the
/// parent is shown alive.
Findings zombie_under_live_parent(const Picture& picture);

}  // namespace unzap
