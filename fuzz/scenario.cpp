// SPDX-License-Identifier: Apache-2.0
// A scenario: it is refused with its place, or it is one.
#include "kernel/story/scenario.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto scenario = kernel::parse_scenario(input, "fuzz.toml");
  if (!scenario) must(scenario.error().kind == ErrorKind::bad_data && !scenario.error().message.empty());
}
