// SPDX-License-Identifier: Apache-2.0
#include "cli/risk_command.hpp"

#include <memory>
#include <string>

#include "cli/host.hpp"
#include "cli/recorded.hpp"
#include "report/kernel/risk_report.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "A container is a pid namespace. Its init is dangerous when it uses io_uring: the last of its threads "
    "to\n"
    "exit, often a worker, waits for all members, and on a kernel without the fix it may spin instead.\n"
    "EXAMPLE\n"
    "  unzap risk                     this node; as root it sees namespaces and rings\n"
    "  unzap risk node.unzap          a node that unzap record took along\n"
    "  unzap risk --json | jq -r '.containers[] | select(.rank == \"can-jam-node\") | .container'\n"
    "EXIT STATUS\n"
    "  0 no container can do harm   1 some can   2 could not tell\n"
    "  64 usage   65 no procfs or bundle   66 no such input   74 input or output failed   77 not permitted";

struct RiskOptions {
  CommonOptions common;
  HostOptions host;
  std::string file;  ///< a bundle; empty: this host
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

Result<Snapshot> snapshot_for(const RiskOptions& options) {
  if (options.file.empty()) return snapshot_of_host(options.host, options.common.quiet, Purpose::risk);
  Result<Recorded> recorded = read_recorded(options.file, "give what unzap record wrote");
  if (!recorded) return recorded.error();
  return std::move(recorded->snapshot);
}

int run_risk(const RiskOptions& options) {
  if (!options.file.empty() && !options.host.procfs.empty())
    return fail(
        {ErrorKind::usage, "FILE is a recorded host and --path.procfs another one", "", "give one of them"});
  const Result<Snapshot> snapshot = snapshot_for(options);
  if (!snapshot) return fail(snapshot.error());
  const RiskReport report = assess_risk(*snapshot);
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
  verb->add_option("FILE", options->file, "A bundle to answer from instead of this host; - is standard input")
      ->type_name("");
  add_host_options(*verb, options->host);
  return {verb, [options] { return run_risk(*options); }};
}

}  // namespace unzap
