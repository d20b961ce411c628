// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_command.hpp"

#include <memory>

#include "cli/model_options.hpp"
#include "report/check/replay_report.hpp"
#include "report/trace/trace_read.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap check npm-zombie --trace t.json            writes a trace\n"
    "  unzap replay t.json                              runs it again: the same states, the same lockup\n"
    "  unzap replay t.json --with fix-2024              at which step does the fix part from it?\n"
    "  unzap replay t.json --scenario mine.toml         does it fit my scenario too?\n"
    "EXIT STATUS\n"
    "  0 the trace fits   1 it does not: the answer says at which step, and what differs\n"
    "  64 usage   65 this is not a trace   66 no such file   74 input or output failed   77 not permitted";

constexpr std::size_t k_max_states = 1'000'000;

struct ReplayOptions {
  CommonOptions common;
  std::string file;
  ModelOptions model;  ///< what is empty is taken from the trace
};

/// The trace's own model, with what the command line changes.
Result<CheckRequest> model_of(const RecordedTrace& trace, const ReplayOptions& options) {
  CheckRequest on;
  if (options.model.scenario.empty()) {
    const auto own = kernel::parse_scenario(trace.scenario_text, options.file + ":/scenario/text");
    if (!own) return own.error();
    on.scenario = *own;
  } else {
    const auto other = find_scenario(options.model.scenario);
    if (!other) return other.error();
    on.scenario = other->scenario;
  }
  kernel::Kernel base{trace.kernel, "", trace.variant};
  if (!options.model.kernel.empty()) {
    const auto preset = kernel::find_kernel(options.model.kernel);
    if (!preset) return preset.error();
    base = *preset;
  }
  const auto variant = variant_of(options.model, base);
  if (!variant) return variant.error();
  on.preempt = trace.preempt;
  if (!options.model.preempt.empty()) {
    const auto preempt = kernel::parse_preempt(options.model.preempt);
    if (!preempt) return preempt.error();
    on.preempt = *preempt;
  }
  on.kernel = base.name;
  on.variant = *variant;
  return on;
}

/// A model that breaks an invariant is a defect, unless the trace is there to show just that.
int exit_code_of(const ReplayReport& report) {
  if (report.broken && !report.invariant) return k_exit_internal;
  return report.fit == Fit::fits ? 0 : 1;
}

int run_replay(const ReplayOptions& options) {
  const auto file = read_file(options.file, k_max_trace_bytes + 1);
  if (!file) return fail(file.error());
  const auto trace = trace_from_json(file->text, options.file);
  if (!trace) return fail(trace.error());
  const auto on = model_of(*trace, options);
  if (!on) return fail(on.error());
  const ReplayReport report = replay_trace(*trace, *on, k_max_states);
  return finish(options.common.wants_json()
                    ? replay_to_json(report)
                    : replay_to_text(report, output_width(), use_color(options.common.color_choice())),
                exit_code_of(report));
}

}  // namespace

Command add_replay_command(CLI::App& program) {
  const auto options = std::make_shared<ReplayOptions>();
  options->model.kernel = options->model.preempt = "";
  CLI::App* verb = program.add_subcommand(
      "replay", "Run a counterexample again, and report the first step that no longer fits");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("TRACE", options->file, "What check --trace FILE.json wrote; - for standard input")
      ->type_name("")
      ->required();
  verb->add_option("--scenario", options->model.scenario,
                   "Another scenario than the trace's (a name or a file)")
      ->type_name("SCENARIO");
  verb->add_option("--kernel", options->model.kernel, "Another kernel than the trace's")->type_name("NAME");
  verb->add_option("--preempt", options->model.preempt, "Another preemption model")->type_name("MODEL");
  verb->add_option("--with", options->model.with, "Turn a fix or another switch on")->type_name("NAME");
  verb->add_option("--without", options->model.without, "Turn one off")->type_name("NAME");
  return {verb, [options] { return run_replay(*options); }};
}

}  // namespace unzap
