// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "check/counterexample.hpp"

namespace unzap {

/// What a search knows of a state: whether no schedule leads from it to a goal. Nothing: not known.
using IsDoomed = std::function<std::optional<bool>(const kernel::State&)>;

/// Fills in what there is to say of the trap that `stem`, a way from the initial state, ends in: verdict,
/// kind, who spins and who hangs, the fatal step, the steps and the loop. The end of the stem must lie in a
/// trap. Without `is_doomed` the states on the way are looked into one by one, which takes longer and may not
/// find the fatal step exactly.
void tell_way_into_trap(const kernel::Machine& machine, const Steps& stem, CheckReport& report,
                        const IsDoomed& is_doomed = {});

/// Leaves out of the way into a trap what is not needed (explorer/shrink.hpp), so that no single step of what
/// remains can go, and says so in the report. A way that becomes shorter may end in another trap; then all
/// that the report says of the trap is told anew.
void shorten(const kernel::Machine& machine, CheckReport& report, const IsDoomed& is_doomed = {});

}  // namespace unzap
