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

/// When the code of the host's kernel is read: it takes up to two seconds more.
enum class KernelLook : std::uint8_t {
  when_it_matters,  ///< when it can change the diagnosis of what was seen
  always,           ///< for those who do not diagnose here
};

/// The live host at this moment; `quiet`: without a progress line.
Result<Snapshot> snapshot_of_host(const HostOptions& options, bool quiet,
                                  KernelLook look = KernelLook::when_it_matters);

/// How long the diagnosis of what was read may take: 20 seconds, or as long as --timeout if that is longer.
double diagnosis_seconds(const HostOptions& options);

/// The exit code of a verdict: 0 nothing stuck, 1 something stuck, 2 could not tell.
int exit_code_of(Verdict verdict);

}  // namespace unzap
