// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `uninterruptible-member`: a task of a dying namespace (in a pasted listing also any process, kernel
/// threads left out) is in state D, and nothing tells what it waits for. Any well found teardown cause takes
/// its place.
///
/// likely:   a member of a namespace whose init is dying, or an exiting task; on a live host it must not have
///           moved for k_lasting_seconds.
/// possible: a pasted D state without that.
Findings uninterruptible_member(const Picture& picture);

}  // namespace unzap
