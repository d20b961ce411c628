// SPDX-License-Identifier: Apache-2.0
#include "cli/check_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <memory>

#include "check/check.hpp"
#include "cli/embedded.hpp"
#include "report/check_report.hpp"
#include "util/processors.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap check scenarios/npm-zombie.toml                              the lockup of 5.15.160, step by "
    "step\n"
    "  unzap check npm-zombie --kernel v5.15.162               the same with the fix: proved\n"
    "  unzap check scenarios/npm-zombie.toml --kernel v6.1.192 --without fix-2026   from a file\n"
    "  unzap check npm-zombie --matrix                         all kernels and preemption models\n"
    "  unzap check --list                                      the kernels, fixes and switches\n"
    "EXIT STATUS\n"
    "  0 proved   13 lockup found   14 busy wait found   5 inconclusive (a limit was hit)\n"
    "  64 usage   65 bad scenario   66 no such scenario   74 input or output failed";

struct CheckOptions {
  CommonOptions common;
  std::string scenario;
  std::string kernel = "v5.15.160";
  std::string preempt = "none";
  std::vector<std::string> with, without;
  bool matrix = false;
  bool list = false;
  std::size_t max_states = 0;
  std::size_t max_memory_mib = 4096;
  double timeout_seconds = 0;
  std::string workers = "auto";
  bool compact = false;
};

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  interrupted = true;
}

std::string list_kernels() {
  std::string out = "kernels (--kernel)\n";
  for (const kernel::Kernel& one : kernel::kernels()) out += fmt::format("  {:<12} {}\n", one.name, one.text);
  for (const bool fixes : {true, false}) {
    out +=
        fixes ? "\nfixes (--with, --without)\n" : "\nother differences between kernels (--with, --without)\n";
    for (unsigned i = 0; i < static_cast<unsigned>(kernel::Switch::count_); ++i) {
      const auto one = static_cast<kernel::Switch>(i);
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

/// The preset with what --with and --without change.
Result<kernel::Variant> variant_of(const CheckOptions& options, const kernel::Kernel& base) {
  kernel::Variant variant = base.variant;
  for (const auto& [names, on] : {std::pair{&options.with, true}, std::pair{&options.without, false}})
    for (const std::string& name : *names) {
      const auto one = kernel::find_switch(name);
      if (!one) return one.error();
      variant.set(*one, on);
    }
  return variant;
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

explorer::Watch watch_of(ProgressLine& progress, const CheckOptions& options) {
  return [&progress, &options](const explorer::Progress& p) {
    progress.show(
        fmt::format("{} states, {:.2f} M/s, depth {}, {} to look at, {} MiB{}", p.states,
                    p.seconds > 0 ? static_cast<double>(p.states) / p.seconds / 1e6 : 0.0, p.depth,
                    p.states - p.expanded, p.bytes >> 20,
                    options.timeout_seconds > 0
                        ? fmt::format(", {:.0f} s left", std::max(0.0, options.timeout_seconds - p.seconds))
                        : ""));
    return !interrupted.load();
  };
}

/// A file, or one of the scenarios that the program brings along, by its name.
Result<kernel::Scenario> scenario_of(const std::string& name) {
  if (const EmbeddedFile* known = find_embedded(scenario_files(), name))
    return kernel::parse_scenario(known->text, std::string(known->name) + ".toml");
  Result<kernel::Scenario> loaded = kernel::load_scenario(name);
  if (loaded || loaded.error().kind != ErrorKind::no_input || name.find_first_of("/.") != std::string::npos)
    return loaded;
  Error error = loaded.error();
  error.message = "neither a file nor a known scenario";
  error.remedy = "`unzap scenarios` lists those that the program brings along";
  return error;
}

int run_matrix(const CheckOptions& options, const CheckRequest& request, const CheckTextOptions& text) {
  std::vector<CheckReport> reports;
  ProgressLine progress(options.common.quiet);
  for (const kernel::Kernel& one : kernel::kernels())
    for (const auto preempt : {kernel::Preempt::none, kernel::Preempt::voluntary, kernel::Preempt::full}) {
      const auto variant = variant_of(options, one);
      if (!variant) return fail(variant.error());
      CheckRequest each = request;
      each.kernel = one.name;
      each.variant = *variant;
      each.preempt = preempt;
      reports.push_back(check(each, watch_of(progress, options)));
    }
  const int written =
      write_output(options.common.wants_json() ? check_table_json(reports) : check_table(reports, text));
  if (written != 0) return written;
  const auto has = [&](CheckVerdict v) {
    return std::any_of(reports.begin(), reports.end(), [v](const CheckReport& r) { return r.verdict == v; });
  };
  for (const auto v : {CheckVerdict::lockup, CheckVerdict::busy_wait, CheckVerdict::inconclusive})
    if (has(v)) return exit_code(v);
  return 0;
}

int run_check(const CheckOptions& options) {
  if (options.list) return write_output(list_kernels());
  if (options.scenario.empty())
    return fail(
        {ErrorKind::usage, "no scenario given", "", "name one, for instance scenarios/npm-zombie.toml"});
  const auto base = kernel::find_kernel(options.kernel);
  if (!base) return fail(base.error());
  const auto variant = variant_of(options, *base);
  if (!variant) return fail(variant.error());
  const auto preempt = kernel::parse_preempt(options.preempt);
  if (!preempt) return fail(preempt.error());
  const auto scenario = scenario_of(options.scenario);
  if (!scenario) return fail(scenario.error());

  const explorer::Limits limits{options.max_states, options.max_memory_mib << 20, options.timeout_seconds};
  const CheckTextOptions text{use_color(options.common.color_choice()), output_width(),
                              options.common.verbose};
  const auto workers = workers_of(options.workers);
  if (!workers) return fail(workers.error());
  const CheckRequest request{*scenario, options.kernel, *variant,       *preempt,
                             limits,    *workers,       options.compact};
  std::signal(SIGINT, on_interrupt);
  if (options.matrix) return run_matrix(options, request, text);
  CheckReport report;
  {
    ProgressLine progress(options.common.quiet);
    report = check(request, watch_of(progress, options));
  }
  const int written =
      write_output(options.common.wants_json() ? check_to_json(report) : check_to_text(report, text));
  return written != 0 ? written : exit_code(report.verdict);
}

}  // namespace

Command add_check_command(CLI::App& program) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* verb =
      program.add_subcommand("check", "Prove on an executable kernel that a scenario ends, or show how not");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("SCENARIO", options->scenario, "A scenario: its name (see unzap scenarios) or a TOML file")
      ->type_name("");
  verb->add_option("--kernel", options->kernel, "Which kernel (default: v5.15.160); --list names them")
      ->type_name("NAME");
  verb->add_option("--preempt", options->preempt, "none, voluntary or full (default: none)")
      ->type_name("MODEL");
  verb->add_option("--with", options->with, "Turn a fix or another switch on")->type_name("NAME");
  verb->add_option("--without", options->without, "Turn one off")->type_name("NAME");
  verb->add_flag("--matrix", options->matrix, "All kernels and preemption models, a line each");
  verb->add_flag("--list", options->list, "The kernels, the fixes and the other switches");
  verb->add_option("--max-states", options->max_states, "Stop after so many states (default: no limit)")
      ->type_name("N");
  verb->add_option("--max-memory", options->max_memory_mib, "Stop at so much memory (default: 4096)")
      ->type_name("MIB")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 20));
  verb->add_option("--timeout", options->timeout_seconds, "Stop after so long (default: no limit)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e7));
  verb->add_option("--workers", options->workers, "Threads that search (default: auto, one a processor)")
      ->type_name("N|auto");
  verb->add_flag("--compact", options->compact,
                 "Keep fingerprints instead of states: less memory, and a tiny chance to miss a state");
  return {verb, [options] { return run_check(*options); }};
}

}  // namespace unzap
