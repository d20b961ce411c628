// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "snapshot/snapshot.hpp"

namespace unzap {

/// What whoever looked at a host was not allowed, or not able, to see, and which right is missing: one line,
/// for whose sake a host is not called healthy. Empty: nothing of the kind, or a text, of which nobody can
/// tell.
std::string blind_spots(const Snapshot& snapshot);

}  // namespace unzap
