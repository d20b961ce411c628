// SPDX-License-Identifier: Apache-2.0
#include "cli/scenarios_command.hpp"

#include <fmt/format.h>

#include <memory>

#include "cli/embedded.hpp"
#include "kernel/story/scenario.hpp"
#include "report/json_text.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap scenarios                       a line for each\n"
    "  unzap scenarios -v                    with the answers that are expected\n"
    "  unzap explain armed-poll              the story of one\n"
    "  unzap check armed-poll                the proof, or the way into the lockup\n"
    "  docs/scenarios.md has the keys with which one writes one's own.";

std::string expectation_text(const kernel::Expectation& e) {
  std::string changes;
  for (const std::string& one : e.with) changes += " --with " + one;
  for (const std::string& one : e.without) changes += " --without " + one;
  return fmt::format("    {:<10} --kernel {} --preempt {}{}\n", e.verdict, e.kernel, e.preempt, changes);
}

Json expectation_json(const kernel::Expectation& e) {
  return {{"kernel", e.kernel},
          {"preempt", e.preempt},
          {"with", e.with},
          {"without", e.without},
          {"verdict", e.verdict}};
}

int run_scenarios(const CommonOptions& options) {
  std::string text;
  auto list = Json::array();
  for (const EmbeddedFile& file : scenario_files()) {
    const auto scenario = kernel::parse_scenario(file.text, std::string(file.name) + ".toml");
    if (!scenario) return fail(scenario.error());
    text += fmt::format("{:<20} {}\n", scenario->name, scenario->summary);
    Json one{{"name", scenario->name},
             {"summary", scenario->summary},
             {"story", scenario->story},
             {"expect", Json::array()}};
    for (const kernel::Expectation& expected : scenario->expectations) {
      if (options.verbose) text += expectation_text(expected);
      one["expect"].push_back(expectation_json(expected));
    }
    list.push_back(std::move(one));
  }
  if (!options.wants_json()) return write_output(text);
  return write_output(json_file({{"schema_version", 1}, {"scenarios", list}}, 2));
}

}  // namespace

Command add_scenarios_command(CLI::App& program) {
  const auto options = std::make_shared<CommonOptions>();
  CLI::App* verb = program.add_subcommand("scenarios", "List what `check` can be asked about");
  verb->footer(k_footer);
  add_common_options(*verb, *options);
  return {verb, [options] { return run_scenarios(*options); }};
}

}  // namespace unzap
