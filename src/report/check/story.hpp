// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "check/check.hpp"

namespace unzap {

/// A switch that is off in the kernel of a story, and what the same check says with it on.
struct StoryFix {
  kernel::Switch fix{};
  CheckVerdict verdict = CheckVerdict::inconclusive;
};

/// What `unzap explain SCENARIO` tells.
struct Story {
  kernel::Scenario scenario;
  CheckReport report;           ///< of the first lockup that the scenario expects, else of its first answer
  std::vector<StoryFix> fixes;  ///< each fix that this kernel lacks
};

/// The story in prose: who takes part, what happens, why nothing helps, what does, the commands to see it.
/// About one or two screens.
std::string story_to_text(const Story& story, std::size_t width, bool color);

/// "unzap check S --kernel K --preempt P --with F".
std::string command_of(const kernel::Scenario& scenario, const kernel::Expectation& expected);

}  // namespace unzap
