// SPDX-License-Identifier: Apache-2.0
// What the parts of this room share: states of the model as a reader of traces knows them, and ways that
// become counterexamples.
#pragma once

#include <cstdint>
#include <vector>

#include "check/check.hpp"

namespace unzap {

/// A number that two different states do not share by chance: XXH3 of their bytes.
std::uint64_t digest_of(const kernel::State& state);

/// Every task as it is in `state`, in creation order.
std::vector<CheckMoment> moments_of(const kernel::Config& config, const kernel::State& state);

/// What becomes of each task in all of `states`, which are not empty. `busy`: who goes round there without
/// sleeping.
std::vector<CheckTask> tasks_in(const kernel::Machine& machine, const std::vector<kernel::State>& states,
                                const std::vector<bool>& busy);

/// Of `stem`, whose last state breaks an invariant of the model.
Counterexample broken_way(const kernel::Machine& machine, Steps stem);

/// Notes where `way` starts, and runs its steps again, the loop from where the stem ends; one that does not
/// fit is a defect of the model.
void replay_or_die(const kernel::Machine& machine, Counterexample& way);

}  // namespace unzap
