// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/host.hpp"
#include "report/diagnosis/formats.hpp"

namespace unzap {

/// How `unzap diagnose --watch` goes on.
struct WatchOptions {
  double seconds = 0;             ///< from the beginning of one look to the beginning of the next
  const DiagnosisFormat& format;  ///< one that writes changes
  bool quiet = false;
};

/// Looks at this host again and again, and writes what changed, until SIGINT or SIGTERM. The exit code is
/// that of the last verdict (2 when there was none), or that of what failed.
int watch_host(const HostOptions& host, const WatchOptions& options);

}  // namespace unzap
