// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace unzap {

/// The first version of a series that has a fix. For advice only: whether a kernel has it is read in its
/// code.
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

}  // namespace unzap
