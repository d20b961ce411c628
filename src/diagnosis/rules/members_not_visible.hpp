// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `members-not-visible`: the dying init waits, and the evidence does not show for whom; or a zombie leader
/// has live threads that are not shown. The answer says what to collect. Any well found teardown cause takes
/// its place.
Findings members_not_visible(const Picture& picture);

}  // namespace unzap
