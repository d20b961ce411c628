// SPDX-License-Identifier: Apache-2.0
#include "cli/model_options.hpp"

#include <atomic>
#include <charconv>
#include <csignal>

#include "cli/embedded.hpp"
#include "cli/terminal.hpp"
#include "kernel/story/scenario_bounds.hpp"
#include "util/processors.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  interrupted = true;
}

/// --workers: a number, or as many as there are processors.
Result<unsigned> workers_of(const std::string& text) {
  if (text == "auto") return usable_processors();
  unsigned workers = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), workers);
  if (problem != std::errc() || end != text.data() + text.size() || workers < 1 || workers > 32)
    return Error{ErrorKind::usage, "--workers takes a number from 1 to 32, or auto", "", "got " + text};
  return workers;
}

}  // namespace

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("SCENARIO", options.scenario, "A scenario: its name (see unzap scenarios) or a TOML file")
      ->type_name("");
  verb.add_option("--kernel", options.kernel,
                  "Which kernel (default: v5.15.160); unzap check --list names them")
      ->type_name("NAME");
  verb.add_option("--preempt", options.preempt, "none, voluntary or full (default: none)")
      ->type_name("MODEL");
  verb.add_option("--with", options.with, "Turn a fix or another switch on")->type_name("NAME");
  verb.add_option("--without", options.without, "Turn one off")->type_name("NAME");
  verb.add_option("--workers", options.workers, "Threads that search (default: auto, one a processor)")
      ->type_name("N|auto");
}

Result<NamedScenario> find_scenario(const std::string& name) {
  if (const EmbeddedFile* known = find_embedded(scenario_files(), name)) {
    const auto scenario = kernel::parse_scenario(known->text, std::string(known->name) + ".toml");
    if (!scenario) return scenario.error();
    return NamedScenario{*scenario, std::string(known->text)};
  }
  auto file = read_file(name, kernel::k_max_scenario_bytes + 1);
  if (!file) {
    Error error = file.error();
    if (error.kind == ErrorKind::no_input && name.find_first_of("/.") == std::string::npos) {
      error.message = "neither a file nor a known scenario";
      error.remedy = "`unzap scenarios` lists those that the program brings along";
    }
    return error;
  }
  const auto scenario = kernel::parse_scenario(file->text, name);
  if (!scenario) return scenario.error();
  return NamedScenario{*scenario, std::move(file->text)};
}

void say_hints(const kernel::Scenario& scenario, bool quiet) {
  if (quiet) return;
  for (const std::string& hint : scenario.hints) say(hint);
}

Result<kernel::Variant> variant_of(const ModelOptions& options, const kernel::Kernel& base) {
  kernel::Variant variant = base.variant;
  for (const auto& [names, on] : {std::pair{&options.with, true}, std::pair{&options.without, false}})
    for (const std::string& name : *names) {
      const auto one = kernel::find_switch(name);
      if (!one) return one.error();
      variant.set(*one, on);
    }
  return variant;
}

Result<CheckRequest> request_of(const ModelOptions& options) {
  if (options.scenario.empty())
    return Error{ErrorKind::usage, "no scenario given", "", "name one, for instance npm-zombie"};
  const auto base = kernel::find_kernel(options.kernel);
  if (!base) return base.error();
  const auto variant = variant_of(options, *base);
  if (!variant) return variant.error();
  const auto preempt = kernel::parse_preempt(options.preempt);
  if (!preempt) return preempt.error();
  const auto workers = workers_of(options.workers);
  if (!workers) return workers.error();
  const auto scenario = find_scenario(options.scenario);
  if (!scenario) return scenario.error();
  CheckRequest request;
  request.scenario = scenario->scenario;
  request.scenario_text = scenario->text;
  request.kernel = options.kernel;
  request.variant = *variant;
  request.preempt = *preempt;
  request.workers = *workers;
  return request;
}

void catch_interrupt() {
  std::signal(SIGINT, on_interrupt);
}

bool was_interrupted() {
  return interrupted.load();
}

}  // namespace unzap
