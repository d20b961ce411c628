// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `rcu-held-up`: tasks wait for an RCU grace period that does not end, or the kernel says so itself (RCU CPU
/// stall). Names the holder when a stall or lockup report, or a spinning task, shows it; a dying init that
/// spins belongs to `reaper-busy-loop`, which then outranks this one.
///
/// likely:   an RCU stall report; a hung task in an RCU wait; a pasted stack in one.
/// possible: a live task that did not move in an RCU wait for k_lasting_seconds (a loaded host does that,
///           too); a stall report in the log of a live host on which nobody waits and nobody spins now.
/// nothing:  one look at a live host.
/// Never certain: that the holder is the reason for everybody who waits is inferred.
Findings rcu_held_up(const Picture& picture);

}  // namespace unzap
