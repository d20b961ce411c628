// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// The one diagnosis: live, bundle, text and model snapshots all come here. Pure; never blocks, never throws
/// on foreign data; its work is bounded by the size of the snapshot.
Diagnosis diagnose(const Snapshot& snapshot);

}  // namespace unzap
