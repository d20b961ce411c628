// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "snapshot/snapshot.hpp"

namespace unzap {

/// What whoever looked at a host was not allowed, or not able, to see. A host with any of it is not called
/// healthy.
struct BlindSpots {
  std::size_t stacks = 0;      ///< tasks whose kernel stack was refused
  std::size_t namespaces = 0;  ///< tasks whose pid namespace was refused
  std::size_t late = 0;        ///< tasks with a file that did not answer in time
  bool other_tasks = false;    ///< tasks outside of what this /proc shows, or lets us see

  bool any() const { return *this != BlindSpots{}; }
  bool operator==(const BlindSpots&) const = default;
};

/// None of a text: there nobody can tell.
BlindSpots blind_spots(const Snapshot& snapshot);

}  // namespace unzap
