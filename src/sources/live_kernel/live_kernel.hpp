// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_image/kernel_facts.hpp"
#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// Where the running kernel is looked at.
struct LiveKernelOptions {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string boot = "/boot";  ///< config-<release> is read there when there is no config.gz
  double timeout_seconds = 5;  ///< for everything; the look may block on a jammed host
};

/// The running kernel. What cannot be read is said in the facts: code.reason for the code itself. Never
/// blocks longer than the timeout; then everything that was to be read is unknown.
KernelFacts facts_of_running_kernel(const LiveKernelOptions& options);

/// The same look, into the host: put_kernel().
void look_at_kernel(const LiveKernelOptions& options, Host& host);

}  // namespace unzap
