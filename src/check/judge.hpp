// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/check.hpp"
#include "explorer/reductions.hpp"
#include "kernel/machine/machine.hpp"

namespace unzap {

using Ordered = explorer::PartialOrder<kernel::Machine>;

/// Searches the model, which is the machine, or the machine in the wrappers that reduce it, and writes the
/// answer into the report. What is shown is always the machine itself: steps and states under their own
/// names, and a trap that was explored without reductions.
template <class M>
void judge(const M& model, const CheckRequest& request, const explorer::Watch& watch, CheckReport& report);

}  // namespace unzap
