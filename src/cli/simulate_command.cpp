// SPDX-License-Identifier: Apache-2.0
#include "cli/simulate_command.hpp"

#include <fmt/format.h>

#include <memory>

#include "check/simulate.hpp"
#include "cli/model_options.hpp"
#include "cli/trace_option.hpp"
#include "report/check/simulate_report.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap simulate npm-zombie --runs 1000 --seed 1           how often do random schedules lock up?\n"
    "  unzap simulate npm-zombie --kernel v5.15.162             with the fix: never\n"
    "  unzap simulate npm-zombie --trace hit.perfetto.json      the shortest way in, for ui.perfetto.dev\n"
    "  Each step is drawn evenly from everything that is possible next: a task's step, "
    "a choice of the scheduler,\n"
    "  an interrupt, the world outside. A run ends when all is gone, when a search from where it stands "
    "shows that\n"
    "  nothing can end any more, or after --max-steps. It needs no memory for the whole state space.\n"
    "EXIT STATUS\n"
    "  13 a lockup was hit   14 no lockup, but a busy wait   5 neither (which proves nothing: see check)\n"
    "  64 usage   65 bad scenario   66 no such scenario   70 the model breaks an invariant (--paranoid)\n"
    "  74 input or output failed";

struct SimulateOptions {
  CommonOptions common;
  ModelOptions model;
  std::vector<std::string> traces;
  std::size_t runs = 1000;
  std::uint64_t seed = 1;
  std::size_t max_steps = 10'000;
  bool paranoid = false;
};

int run_simulate(const SimulateOptions& options) {
  auto model = request_of(options.model);
  if (!model) return fail(model.error());
  say_hints(model->scenario, options.common.quiet);
  model->limits.invariants = options.paranoid;
  const auto traces = trace_files_of(options.traces);
  if (!traces) return fail(traces.error());
  catch_interrupt();
  SimulateReport report;
  {
    ProgressLine progress(options.common.quiet);
    report = simulate({*model, options.runs, options.seed, options.max_steps}, [&](std::size_t done) {
      progress.show(fmt::format("{} of {} runs", done, options.runs));
      return !was_interrupted();
    });
  }
  if (const int failed = write_traces(*traces, report.hit, options.common.quiet); failed != 0) return failed;
  const CheckTextOptions text{use_color(options.common.color_choice()), output_width(),
                              options.common.verbose};
  return finish(options.common.wants_json() ? simulate_to_json(report) : simulate_to_text(report, text),
                exit_code(report));
}

}  // namespace

Command add_simulate_command(CLI::App& program) {
  const auto options = std::make_shared<SimulateOptions>();
  CLI::App* verb = program.add_subcommand("simulate", "Try random schedules, and count how they end");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  add_model_options(*verb, options->model);
  add_trace_option(*verb, options->traces);
  verb->add_option("--runs", options->runs, "How many (default: 1000)")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}));
  verb->add_option("--seed", options->seed, "Where the random numbers come from (default: 1)")
      ->type_name("S");
  verb->add_option("--max-steps", options->max_steps, "Give a run up after N steps (default: 10000)")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}));
  verb->add_flag("--paranoid", options->paranoid,
                 "Ask every state whether the model is still sane (reference counts, locks)");
  return {verb, [options] { return run_simulate(*options); }};
}

}  // namespace unzap
