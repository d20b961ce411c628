// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "check/counterexample.hpp"

namespace unzap {

/// What a search knows of a state: whether no schedule leads from it to a goal. Nothing: not known.
using IsDoomed = std::function<std::optional<bool>(const kernel::State&)>;

/// Makes a counterexample of `way`, which leads from the initial state into a trap: cuts it, looks into the
/// trap that it then ends in, and finds the fatal step. Without `is_doomed` the states on the way are looked
/// into one by one, which takes longer and may not find the fatal step exactly.
Counterexample lockup_of(const kernel::Machine& machine, const Steps& way, const IsDoomed& is_doomed = {});

}  // namespace unzap
