// SPDX-License-Identifier: Apache-2.0
#include "cli/host.hpp"

#include <algorithm>

#include "cli/terminal.hpp"
#include "diagnosis/diagnose.hpp"
#include "sources/live_kernel/live_kernel.hpp"
#include "sources/procfs/procfs_source.hpp"

namespace unzap {
namespace {

// Diagnosis takes a wait that did not move for a second as lasting; the source looks that long only when
// something did not move for a moment.
constexpr double k_window_seconds = 1.1;

constexpr double k_kernel_seconds = 2;
constexpr double k_risk_kernel_seconds = 3;
constexpr double k_diagnosis_seconds = 20;

LiveKernelOptions kernel_options(const HostOptions& options, Purpose purpose) {
  LiveKernelOptions out;
  if (!options.procfs.empty()) out.procfs = options.procfs;
  out.timeout_seconds =
      std::min(purpose == Purpose::risk ? k_risk_kernel_seconds : k_kernel_seconds, options.timeout_seconds);
  return out;
}

}  // namespace

void add_host_options(CLI::App& verb, HostOptions& options) {
  verb.add_option("--path.procfs", options.procfs, "Where the procfs to look at is mounted (default: /proc)")
      ->type_name("DIR");
  verb.add_option("--timeout", options.timeout_seconds,
                  "Stop looking at this host after SECONDS (default: 4.5)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0));
}

Result<Snapshot> snapshot_of_host(const HostOptions& options, bool quiet, Purpose purpose, bool containers) {
  ProgressLine progress(quiet);
  ProcfsOptions source;
  if (!options.procfs.empty()) source.root = options.procfs;
  source.trouble = purpose != Purpose::risk;
  source.containers = containers;
  source.rings = purpose != Purpose::diagnose;
  source.sample_seconds = k_window_seconds;
  source.total_timeout_seconds = options.timeout_seconds;
  source.read_timeout_seconds = std::min(source.read_timeout_seconds, options.timeout_seconds / 2);
  source.progress = [&progress](const std::string& text) { progress.show(text); };
  Result<Snapshot> snapshot = read_procfs(source);
  if (!snapshot) return snapshot;
  if (purpose == Purpose::diagnose && !wait_fix_matters(*snapshot, diagnosis_seconds(options)))
    return snapshot;
  progress.show("looking at the kernel");
  look_at_kernel(kernel_options(options, purpose), snapshot->host);
  return snapshot;
}

double diagnosis_seconds(const HostOptions& options) {
  return std::max(k_diagnosis_seconds, options.timeout_seconds);
}

int exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy: return 0;
    case Verdict::stuck: return 1;
    case Verdict::unknown: return 2;
  }
  return k_exit_internal;
}

}  // namespace unzap
