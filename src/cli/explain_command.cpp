// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

#include "check/simulate.hpp"
#include "cli/embedded.hpp"
#include "cli/model_options.hpp"
#include "diagnosis/cause_id.hpp"
#include "report/check/story.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap explain                         the names that can be given\n"
    "  unzap explain reaper-busy-loop        a cause that `diagnose` names\n"
    "  unzap explain npm-zombie              a scenario of `check`, told as a story\n"
    "  unzap explain mine.toml               the story of a scenario of one's own\n"
    "  A story is that of the first lockup that the scenario expects, else of its first answer.";

// A story is told at once or not at all; `check` may take its time.
constexpr explorer::Limits k_story_limits{200'000, std::size_t{1} << 30, 5};
constexpr std::size_t k_story_runs = 200;

std::vector<std::string> names_of(std::span<const EmbeddedFile> files) {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : files) names.emplace_back(file.name);
  return names;
}

/// The answer that the story is about.
kernel::Expectation subject_of(const kernel::Scenario& scenario) {
  const auto& list = scenario.expectations;
  for (const std::string_view verdict : {"lockup", "busy-wait"})
    for (const kernel::Expectation& one : list)
      if (one.verdict == verdict) return one;
  return list.empty() ? kernel::Expectation{"v5.15.160", "none", "", {}, {}} : list.front();
}

/// A check; where the states are too many for a story, random schedules may still come upon the lockup.
CheckReport report_of(const CheckRequest& request) {
  CheckReport report = check(request);
  if (report.verdict != CheckVerdict::inconclusive) return report;
  SimulateReport simulated = simulate({.model = request, .runs = k_story_runs});
  if (simulated.lockup.count > 0) return simulated.hit;
  return report;
}

Result<Story> story_of(const NamedScenario& named) {
  Story story;
  story.scenario = named.scenario;
  const kernel::Expectation subject = subject_of(named.scenario);
  ModelOptions model;
  model.with = subject.with;
  model.without = subject.without;
  const auto base = kernel::find_kernel(subject.kernel);
  if (!base) return base.error();
  const auto variant = variant_of(model, *base);
  if (!variant) return variant.error();
  const auto preempt = kernel::parse_preempt(subject.preempt);
  if (!preempt) return preempt.error();
  CheckRequest request{
      .scenario = named.scenario, .kernel = subject.kernel, .variant = *variant, .preempt = *preempt};
  request.limits = k_story_limits;
  story.report = report_of(request);
  if (!story.report.counterexample) return story;
  for (const kernel::Switch one : kernel::switches()) {
    if (!kernel::info(one).fix || request.variant.has(one)) continue;
    CheckRequest with = request;
    with.variant.set(one, true);
    story.fixes.push_back({one, check(with).verdict});
  }
  return story;
}

int explain_scenario(const std::string& name) {
  const auto named = find_scenario(name);
  if (!named) return fail(named.error());
  say_hints(named->scenario, false);
  const auto story = story_of(*named);
  if (!story) return fail(story.error());
  return write_output(story_to_text(*story, output_width(), use_color(ColorChoice::automatic)));
}

int run_explain(const std::string& name) {
  if (name.empty())
    return write_output(fmt::format("causes:    {}\nscenarios: {}\n",
                                    fmt::join(names_of(cause_pages()), ", "),
                                    fmt::join(names_of(scenario_files()), ", ")));
  const bool is_file = name.ends_with(".toml");
  const std::string stem = is_file ? name.substr(0, name.size() - 5) : name;
  const bool is_scenario = find_embedded(scenario_files(), stem) != nullptr;
  if (const EmbeddedFile* page = find_embedded(cause_pages(), name)) {
    if (is_scenario)
      say(fmt::format("a scenario has this name too: unzap explain {}.toml tells its story", stem));
    return write_output(page->text);
  }
  if (is_scenario && (!is_file || !std::filesystem::exists(name))) return explain_scenario(stem);
  if (is_file) return explain_scenario(name);
  std::vector<std::string> names = names_of(cause_pages());
  for (std::string& scenario : names_of(scenario_files())) names.push_back(std::move(scenario));
  const std::string near = nearest(name, names);
  return fail({ErrorKind::usage, fmt::format("nothing is known of `{}`", printable(name, 64)), "",
               near.empty() ? "`unzap explain` lists the names" : fmt::format("did you mean {}?", near)});
}

}  // namespace

Command add_explain_command(CLI::App& program) {
  const auto name = std::make_shared<std::string>();
  CLI::App* verb =
      program.add_subcommand("explain", "Tell what a cause or a scenario is about, and what to do");
  verb->footer(k_footer);
  verb->set_help_flag("-h,--help", "Show this help and leave");
  verb->add_option("NAME", *name, "A cause that diagnose names, or a scenario of check")->type_name("");
  return {verb, [name] { return run_explain(*name); }};
}

}  // namespace unzap
