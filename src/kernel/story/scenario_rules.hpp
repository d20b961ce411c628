// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "kernel/story/scenario.hpp"

namespace unzap::kernel {

/// What the model cannot hold, or what does not go together in a story.
struct Objection {
  Place at;
  std::string message, remedy;
};

/// The first objection to a scenario as a whole; what each key allows by itself is its reader's business.
std::optional<Objection> objection_to(const Scenario& scenario);

}  // namespace unzap::kernel
