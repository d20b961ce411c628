// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// Options of every verb that looks at a live host.
struct HostOptions {
  std::string procfs;            ///< empty: /proc
  double timeout_seconds = 4.5;  ///< those who call it from outside wait for 5 s: node-problem-detector
};
void add_host_options(CLI::App& verb, HostOptions& options);

/// What a look at the host is for. The code of its kernel takes up to two seconds more (for `risk` three).
enum class Purpose : std::uint8_t {
  diagnose,  ///< what may be stuck; the kernel's code when it can change what is said of that
  record,    ///< all that any verb asks of a bundle
  risk,      ///< containers, who of them uses io_uring, and the kernel's code
};

/// The live host at this moment; `quiet`: without a progress line.
/// `containers`: also of every process which container it is in, for those who look for one.
Result<Snapshot> snapshot_of_host(const HostOptions& options, bool quiet, Purpose purpose = Purpose::diagnose,
                                  bool containers = false);

/// How long the diagnosis of what was read may take: 20 seconds, or as long as --timeout if that is longer.
double diagnosis_seconds(const HostOptions& options);

/// The exit code of a verdict: 0 nothing stuck, 1 something stuck, 2 could not tell.
int exit_code_of(Verdict verdict);

}  // namespace unzap
