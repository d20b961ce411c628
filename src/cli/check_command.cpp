// SPDX-License-Identifier: Apache-2.0
#include "cli/check_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "check/check.hpp"
#include "cli/model_options.hpp"
#include "cli/trace_option.hpp"
#include "diagnosis/diagnose.hpp"
#include "report/check/check_report.hpp"
#include "sources/model/model_source.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap check scenarios/npm-zombie.toml                              the lockup of 5.15.160, "
    "step by step\n"
    "  unzap check npm-zombie --kernel v5.15.162               the same with the fix: proved\n"
    "  unzap check scenarios/npm-zombie.toml --kernel v6.1.192 --without fix-2026   from a file\n"
    "  unzap check npm-zombie --matrix                         all kernels and preemption models\n"
    "  unzap check npm-zombie --trace t.perfetto.json          the way into the lockup, for ui.perfetto.dev\n"
    "  unzap check --list                                      the kernels, fixes and switches\n"
    "EXIT STATUS\n"
    "  0 proved   13 lockup found   14 busy wait found   5 inconclusive (a limit was hit)\n"
    "  64 usage   65 bad scenario   66 no such scenario   70 the model breaks an invariant (--paranoid)\n"
    "  74 input or output failed";

struct CheckOptions {
  CommonOptions common;
  ModelOptions model;
  std::vector<std::string> traces;
  bool matrix = false;
  bool list = false;
  std::size_t max_states = 0;
  std::size_t max_memory_mib = 4096;
  double timeout_seconds = 0;
  bool compact = false;
  bool symmetry = false;
  bool partial_order = false;
  bool paranoid = false;
};

std::string list_kernels() {
  std::string out = "kernels (--kernel)\n";
  for (const kernel::Kernel& one : kernel::kernels()) out += fmt::format("  {:<12} {}\n", one.name, one.text);
  for (const bool fixes : {true, false}) {
    out +=
        fixes ? "\nfixes (--with, --without)\n" : "\nother differences between kernels (--with, --without)\n";
    for (const kernel::Switch one : kernel::switches()) {
      if (kernel::info(one).fix != fixes) continue;
      std::string in;
      for (const kernel::Kernel& k : kernel::kernels())
        if (k.variant.has(one)) in += (in.empty() ? "" : ", ") + std::string(k.name);
      out += fmt::format("  {}\n      {}\n      on in: {}\n", kernel::info(one).name, kernel::info(one).text,
                         in.empty() ? "none of the above" : in);
    }
  }
  return out;
}

explorer::Watch watch_of(ProgressLine& progress, const CheckOptions& options) {
  return [&progress, &options](const explorer::Progress& p) {
    progress.show(
        fmt::format("{} states, {:.2f} M/s, depth {}, {} to look at, {} MiB{}", p.states,
                    p.seconds > 0 ? static_cast<double>(p.states) / p.seconds / 1e6 : 0.0, p.depth,
                    p.states - p.expanded, p.bytes >> 20,
                    options.timeout_seconds > 0
                        ? fmt::format(", {:.0f} s left", std::max(0.0, options.timeout_seconds - p.seconds))
                        : ""));
    return !was_interrupted();
  };
}

/// The worst of what a matrix found.
int exit_code_of(const std::vector<CheckReport>& reports) {
  const auto has = [&](CheckVerdict v) {
    return std::any_of(reports.begin(), reports.end(), [v](const CheckReport& r) { return r.verdict == v; });
  };
  for (const auto v :
       {CheckVerdict::broken, CheckVerdict::lockup, CheckVerdict::busy_wait, CheckVerdict::inconclusive})
    if (has(v)) return exit_code(v);
  return 0;
}

int run_matrix(const CheckOptions& options, const CheckRequest& request, const CheckTextOptions& text) {
  std::vector<CheckReport> reports;
  ProgressLine progress(options.common.quiet);
  for (const kernel::Kernel& one : kernel::kernels())
    for (const auto preempt : {kernel::Preempt::none, kernel::Preempt::voluntary, kernel::Preempt::full}) {
      const auto variant = variant_of(options.model, one);
      if (!variant) return fail(variant.error());
      CheckRequest each = request;
      each.kernel = one.name;
      each.variant = *variant;
      each.preempt = preempt;
      reports.push_back(check(each, watch_of(progress, options)));
    }
  return finish(options.common.wants_json() ? check_table_json(reports) : check_table(reports, text),
                exit_code_of(reports));
}

/// What `unzap diagnose`, as root and after the watchdogs have reported, says of a host in the trap.
std::optional<Diagnosis> on_host(const CheckReport& report) {
  if (!report.counterexample || !report.counterexample->picture) return std::nullopt;
  constexpr double k_apart_seconds = 2;
  const TrapPicture& picture = *report.counterexample->picture;
  return diagnose(draw_window(picture.config, picture.first, picture.last, k_apart_seconds, picture.busy,
                              {.kernel_log = true}));
}

int run_check(const CheckOptions& options) {
  if (options.list) return write_output(list_kernels());
  auto request = request_of(options.model);
  if (!request) return fail(request.error());
  say_hints(request->scenario, options.common.quiet);
  request->limits = {options.max_states, options.max_memory_mib << 20, options.timeout_seconds,
                     options.paranoid};
  request->compact = options.compact;
  request->symmetry = options.symmetry;
  request->partial_order = options.partial_order;
  if (const std::string why = why_not_reducible(*request); !why.empty())
    return fail({ErrorKind::usage,
                 "--partial-order would not be sound for " + request->scenario.name + ": " + why, "",
                 "leave --partial-order out; --symmetry is sound for every scenario"});
  const auto traces = trace_files_of(options.traces);
  if (!traces) return fail(traces.error());
  if (options.matrix && !traces->empty())
    return fail({ErrorKind::usage, "--trace is for one check, not for --matrix", "", "choose a --kernel"});
  const CheckTextOptions text{use_color(options.common.color_choice()), output_width(),
                              options.common.verbose};
  catch_interrupt();
  if (options.matrix) return run_matrix(options, *request, text);
  CheckReport report;
  {
    ProgressLine progress(options.common.quiet);
    report = check(*request, watch_of(progress, options));
  }
  if (const int failed = write_traces(*traces, report, options.common.quiet); failed != 0) return failed;
  const std::optional<Diagnosis> seen = on_host(report);
  const Diagnosis* const diagnosis = seen ? &*seen : nullptr;
  return finish(
      options.common.wants_json() ? check_to_json(report, diagnosis) : check_to_text(report, text, diagnosis),
      exit_code(report.verdict));
}

}  // namespace

Command add_check_command(CLI::App& program) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* verb = program.add_subcommand(
      "check", "Prove that a scenario terminates on a model of the kernel, or show a counterexample");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  add_model_options(*verb, options->model);
  add_trace_option(*verb, options->traces);
  verb->add_flag("--matrix", options->matrix, "All kernels and preemption models, a line each");
  verb->add_flag("--list", options->list, "The kernels, the fixes and the other switches");
  verb->add_option("--max-states", options->max_states, "Stop after N states (default: no limit)")
      ->type_name("N");
  verb->add_option("--max-memory", options->max_memory_mib, "Stop at MIB mebibytes of memory (default: 4096)")
      ->type_name("MIB")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20));
  verb->add_option("--timeout", options->timeout_seconds, "Stop after SECONDS (default: no limit)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e7));
  verb->add_flag("--compact", options->compact,
                 "Keep fingerprints instead of states: less memory, and a tiny chance to miss a state");
  verb->add_flag(
      "--symmetry", options->symmetry,
      "Search only one of several states that differ in the names of CPUs, containers and workers");
  verb->add_flag("--partial-order", options->partial_order,
                 "Do not stop before steps that nobody but the task can see");
  verb->add_flag(
      "--paranoid", options->paranoid,
      "Ask every state whether the model is still sane (reference counts, locks): about a fifth slower");
  return {verb, [options] { return run_check(*options); }};
}

}  // namespace unzap
