// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "check/check.hpp"
#include "cli/command.hpp"

namespace unzap {

/// Options of the verbs that run the kernel model: which scenario, on which kernel.
struct ModelOptions {
  std::string scenario;
  std::string kernel = "v5.15.160";
  std::string preempt = "none";
  std::vector<std::string> with, without;
  std::string workers = "auto";
};
void add_model_options(CLI::App& verb, ModelOptions& options);

/// A scenario and the text it was read from.
struct NamedScenario {
  kernel::Scenario scenario;
  std::string text;
};
/// A file, or one of the scenarios that the program brings along, by its name.
Result<NamedScenario> find_scenario(const std::string& name);
/// Says on standard error, unless `quiet`, which old keys the scenario has and what to write instead.
void say_hints(const kernel::Scenario& scenario, bool quiet);

/// The preset with what --with and --without change.
Result<kernel::Variant> variant_of(const ModelOptions& options, const kernel::Kernel& base);

/// All of it together; the first mistake otherwise.
Result<CheckRequest> request_of(const ModelOptions& options);

/// From now on Ctrl-C asks the verb to stop instead of ending the program.
void catch_interrupt();
bool was_interrupted();

}  // namespace unzap
