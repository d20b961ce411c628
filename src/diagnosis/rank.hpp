// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// Orders findings, the best explained first, and drops those that another one explains. `dropped` gets one
/// line for each that was dropped, with the reason.
///
/// Order: teardown causes before look-alikes in which something is stuck, before harmless ones; among them by
/// confidence; then a finding whose tasks are waited for (directly or not) by the other's comes first,
/// because it is nearer to the leaf; then the one with more victims; then the order of the catalogue.
Findings rank(Findings findings, const Picture& picture, std::vector<Limit>& dropped);

}  // namespace unzap
