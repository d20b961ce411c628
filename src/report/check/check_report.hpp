// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "check/check.hpp"
#include "diagnosis/finding.hpp"

namespace unzap {

/// How a check is shown.
struct CheckTextOptions {
  bool color = false;
  std::size_t width = 100;  ///< columns; the timeline uses at most 200
  bool verbose = false;     ///< the stacks of all tasks, and the switches of the kernel
};

/// The verdict, the counterexample as a timeline with a column per CPU, who spins and who hangs. `on_host`:
/// what `unzap diagnose` says of a host in the trap; nullptr when that was not asked.
std::string check_to_text(const CheckReport& report, const CheckTextOptions& options,
                          const Diagnosis* on_host = nullptr);
/// The JSON of `unzap check --format json`.
std::string check_to_json(const CheckReport& report, const Diagnosis* on_host = nullptr);

/// One line per report: kernel, preemption, fixes, verdict, states, seconds.
std::string check_table(const std::vector<CheckReport>& reports, const CheckTextOptions& options);
std::string check_table_json(const std::vector<CheckReport>& reports);

}  // namespace unzap
