// SPDX-License-Identifier: Apache-2.0
// A recorded counterexample: it is refused with its place, or it can be run, whatever it says.
#include "report/trace/trace_read.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto trace = trace_from_json(input, "fuzz.json");
  if (!trace) {
    must(trace.error().kind == ErrorKind::bad_data && !trace.error().message.empty());
    return;
  }
  const auto scenario = kernel::parse_scenario(trace->scenario_text, "fuzz.toml");
  if (!scenario) return;
  const CheckRequest on{.scenario = *scenario, .kernel = trace->kernel, .variant = trace->variant};
  replay_trace(*trace, on, 100);
}
