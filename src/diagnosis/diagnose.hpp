// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// The one diagnosis: live, bundle, text and model snapshots all come here. Pure but for the clock; never
/// blocks, never throws on foreign data. Its work grows about as the size of the snapshot; what is not done
/// after `seconds` is left out, which `limits` says, and then the verdict is not `healthy`.
///
/// One finding is one jam: one cause, one culprit, one dying namespace; for CPU and RCU jams one holder. Each
/// task that a finding names fulfils by itself what the finding says of it.
///
/// The verdict:
/// stuck:   a finding of at least `likely` in which something is stuck. That takes in the look-alikes
///          soft-lockup and hung-task (something is stuck, if not a container), not oom-kill and
///          zombie-under-live-parent. Also a `possible` one, when a pasted text shows a task stuck and
///          nothing explains it better.
/// healthy: a harmless look-alike of at least `likely` and nothing else; or no more than a `possible` one of
///          them, and the source saw every task of the host. Never of a host of which something that decides
///          it was not seen (blind_spots), for whatever reason.
/// unknown: any other `possible` finding, or nothing found in a source that shows only some of the host.
Diagnosis diagnose(const Snapshot& snapshot, double seconds = 20);

/// Whether Host::wait_fix can change what diagnose() says of this snapshot: a source that has to go out of
/// its way to read the kernel's code asks first. Costs next to nothing for a host on which no task exits.
bool wait_fix_matters(const Snapshot& snapshot, double seconds = 20);

}  // namespace unzap
