// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "rescue/plan.hpp"

namespace unzap {

/// What became of a write.
struct Written {
  enum class Result : std::uint8_t {
    done,
    refused,   ///< what the plan says does not hold any more; nothing was written
    failed,    ///< the kernel refused it; nothing was written
    not_back,  ///< the write was begun and has not come back
  };
  Result result = Result::refused;
  std::string why;  ///< empty when done
  int error = 0;    ///< errno, when failed

  bool operator==(const Written&) const = default;
};

/// Writes the file of an action with a guard. Opens its folder, looks once more at all that the guard asks
/// (the task, what holds it, who else would run, the folder's identity), and writes through the folder that
/// was opened: what has the path by then does not matter. What may block is done by processes that can be
/// left behind.
Written write_guarded(const Action& action, const HostPlaces& places);

}  // namespace unzap
