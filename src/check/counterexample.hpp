// SPDX-License-Identifier: Apache-2.0
// What the parts of this room share: states and steps of the model, put into words.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "check/check.hpp"
#include "explorer/trace.hpp"
#include "kernel/machine/machine.hpp"

namespace unzap {

using Steps = std::vector<explorer::TraceStep<kernel::Machine>>;

/// 16 hexadecimal digits that two different states do not share by chance.
std::string digest_of(const kernel::State& state);

/// Every task as it is in `state`, in creation order.
std::vector<CheckMoment> moments_of(const kernel::Config& config, const kernel::State& state);

/// One step in words: `action`, which leads from `before` to `after`.
CheckStep in_words(const kernel::Machine& machine, const kernel::State& before, const kernel::Action& action,
                   const kernel::State& after, std::size_t number);

/// What becomes of each task in all of `states`, which are not empty. `busy`: who goes round there without
/// sleeping.
std::vector<CheckTask> tasks_in(const kernel::Machine& machine, const std::vector<kernel::State>& states,
                                const std::vector<bool>& busy);

/// Writes `stem`, which starts at the initial state, and `loop`, which starts where the stem ends, into the
/// report. Both are replayed before; one that does not fit is a defect of the model.
void tell_lasso(const kernel::Machine& machine, const Steps& stem, const Steps& loop, CheckReport& report);

/// Writes `stem`, whose last state breaks an invariant of the model, into the report.
void tell_broken(const kernel::Machine& machine, const Steps& stem, CheckReport& report);

/// The part of a report that says what was asked, and of whom.
void describe_request(const CheckRequest& request, const kernel::Machine& machine, CheckReport& report);

/// Counts how often each fact was seen, and says when nothing of interest was.
void tell_witnesses(const std::array<std::size_t, 32>& counts, bool complete, CheckReport& report);

}  // namespace unzap
