// SPDX-License-Identifier: Apache-2.0
// A scenario: it is refused with its place, or it is one that the model can hold.
#include "kernel/story/scenario.hpp"

#include "fuzz.hpp"
#include "kernel/story/cast.hpp"
#include "kernel/story/initial_state.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto scenario = kernel::parse_scenario(input, "fuzz.toml");
  if (!scenario)
    return must(scenario.error().kind == ErrorKind::bad_data && !scenario.error().message.empty());
  const kernel::Config config = kernel::make_config(*scenario, {}, kernel::Preempt::none);
  must(kernel::initial_state(config).current[0] < kernel::k_max_tasks || config.tasks.size() > 1);
}
