// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/embedded.hpp"
#include "kernel/scenario.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap explain                         the names that can be given\n"
    "  unzap explain reaper-busy-loop        a cause that `diagnose` names\n"
    "  unzap explain npm-zombie              a scenario of `check`";

std::vector<std::string> names_of(std::span<const EmbeddedFile> files) {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : files) names.emplace_back(file.name);
  return names;
}

int explain_scenario(const EmbeddedFile& file) {
  const auto scenario = kernel::parse_scenario(file.text, std::string(file.name) + ".toml");
  if (!scenario) return fail(scenario.error());
  std::string out = fmt::format("{}: {}\n\n{}\n\n", scenario->name, scenario->summary, trim(scenario->story));
  for (const kernel::Expectation& e : scenario->expectations) {
    std::string changes;
    for (const std::string& one : e.with) changes += " --with " + one;
    for (const std::string& one : e.without) changes += " --without " + one;
    out += fmt::format("unzap check {} --kernel {} --preempt {}{}   # {}\n", scenario->name, e.kernel,
                       e.preempt, changes, e.verdict);
  }
  return write_output(out);
}

int run_explain(const std::string& name) {
  if (name.empty())
    return write_output(fmt::format("causes:    {}\nscenarios: {}\n",
                                    fmt::join(names_of(cause_pages()), ", "),
                                    fmt::join(names_of(scenario_files()), ", ")));
  if (const EmbeddedFile* page = find_embedded(cause_pages(), name)) return write_output(page->text);
  if (const EmbeddedFile* file = find_embedded(scenario_files(), name)) return explain_scenario(*file);
  std::vector<std::string> names = names_of(cause_pages());
  for (std::string& scenario : names_of(scenario_files())) names.push_back(std::move(scenario));
  const std::string near = nearest(name, names);
  return fail({ErrorKind::usage, fmt::format("nothing is known of `{}`", printable(name, 64)), "",
               near.empty() ? "`unzap explain` lists the names" : fmt::format("did you mean {}?", near)});
}

}  // namespace

const EmbeddedFile* find_embedded(std::span<const EmbeddedFile> files, std::string_view name) {
  for (const EmbeddedFile& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

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
