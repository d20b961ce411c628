// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "diagnosis/finding.hpp"
#include "kernel_image/kernel_facts.hpp"
#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// Options of every verb that looks at a live host.
struct HostOptions {
  std::string procfs;            ///< empty: /proc
  double timeout_seconds = 4.5;  ///< those who call it from outside wait for 5 s: node-problem-detector
};
void add_host_options(CLI::App& verb, HostOptions& options);

/// The live host at this moment; `quiet`: without a progress line.
Result<Snapshot> snapshot_of_host(const HostOptions& options, bool quiet);

/// How long the diagnosis of what was read may take: 20 seconds, or as long as --timeout if that is longer.
double diagnosis_seconds(const HostOptions& options);

/// The code of this host's kernel, for those who need it besides the snapshot: within two seconds at most.
KernelFacts kernel_of_host(const HostOptions& options);

/// The exit code of a verdict: 0 nothing stuck, 1 something stuck, 2 could not tell.
int exit_code_of(Verdict verdict);

}  // namespace unzap
