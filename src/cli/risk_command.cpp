// SPDX-License-Identifier: Apache-2.0
#include "cli/risk_command.hpp"

#include <algorithm>
#include <memory>

#include "cli/host.hpp"
#include "report/kernel/risk_report.hpp"
#include "sources/live_kernel/live_kernel.hpp"
#include "sources/procfs/node_view.hpp"

namespace unzap {
namespace {

constexpr double k_kernel_seconds = 3;

constexpr const char* k_footer =
    "A container is a pid namespace. Its init is dangerous when it uses io_uring: the last of its threads "
    "to\n"
    "exit, often a worker, waits for all members, and on a kernel without the fix it may spin instead.\n"
    "EXAMPLE\n"
    "  unzap risk                     this node; as root it sees namespaces and rings\n"
    "  unzap risk --json | jq -r '.containers[] | select(.rank == \"can-jam-node\") | .container'\n"
    "EXIT STATUS\n"
    "  0 no container can do harm   1 some can   2 could not tell\n"
    "  64 usage   65 no procfs   66 no such folder   74 input or output failed   77 not permitted";

struct RiskOptions {
  CommonOptions common;
  HostOptions host;
};

int exit_code_of(const RiskReport& report) {
  switch (report.worst()) {
    case RiskRank::can_jam_node:
    case RiskRank::can_waste_cpu: return 1;
    case RiskRank::unknown: return 2;
    case RiskRank::cannot: return 0;
  }
  return k_exit_internal;
}

/// Who could not tell says first what was missing for it.
std::string first_line(const RiskReport& report) {
  std::string out = "could not tell";
  for (std::size_t i = 0; i < report.gaps.size(); ++i) out += (i == 0 ? ": " : "; ") + report.gaps[i];
  return out + "\n";
}

int run_risk(const RiskOptions& options) {
  ProgressLine progress(options.common.quiet);
  LiveKernelOptions kernel;
  ProcfsOptions procfs;
  if (!options.host.procfs.empty()) kernel.procfs = procfs.root = options.host.procfs;
  kernel.timeout_seconds = std::min(k_kernel_seconds, options.host.timeout_seconds);
  procfs.total_timeout_seconds = options.host.timeout_seconds;
  procfs.read_timeout_seconds = std::min(procfs.read_timeout_seconds, options.host.timeout_seconds / 2);
  procfs.progress = [&progress](const std::string& text) { progress.show(text); };
  const Result<NodeView> view = read_node_view(procfs);
  if (!view) return fail(view.error());
  progress.show("looking at the kernel");
  const RiskReport report = assess_risk(*view, answer_for(facts_of_running_kernel(kernel)));
  const TextOptions text{use_color(options.common.color_choice()), output_width(), options.common.verbose};
  std::string out = options.common.wants_json() ? risk_json(report) : risk_text(report, text);
  if (!options.common.wants_json() && exit_code_of(report) == 2) out = first_line(report) + out;
  return finish(out, exit_code_of(report));
}

}  // namespace

Command add_risk_command(CLI::App& program) {
  const auto options = std::make_shared<RiskOptions>();
  CLI::App* verb = program.add_subcommand("risk", "Which containers of this node could set the lockup off");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  add_host_options(*verb, options->host);
  return {verb, [options] { return run_risk(*options); }};
}

}  // namespace unzap
