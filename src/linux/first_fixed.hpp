// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// The first version of a series that has a fix of zap_pid_ns_processes(): fix-2024 is 7fea700e04bd, fix-2026
/// is 5c0985dd3c32. The only place where they stand: what else names them, pages too, is held to this table
/// by its test. For advice only: whether a kernel has a fix is read in its code.
struct FirstFixed {
  std::string_view distribution;  ///< "Debian bookworm", "Linux" for the stable series of kernel.org
  std::string_view series;        ///< "6.1"
  std::string_view version;       ///< of the package, or of the release
  std::string_view fix;           ///< "fix-2024" or "fix-2026"
  std::string_view source;        ///< where this is known from
};

/// What is known for the series and the distribution of a kernel; nothing when nothing is known.
/// `release` and `version` as uname -r and -v say them.
std::vector<FirstFixed> first_fixed_for(std::string_view release, std::string_view version);

/// The releases of kernel.org that have the fix first, one for each series, mainline last:
/// "6.1.191, 6.12.115".
std::string first_releases_with(std::string_view fix);

}  // namespace unzap
