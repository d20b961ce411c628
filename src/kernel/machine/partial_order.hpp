// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "kernel/machine/machine.hpp"

namespace unzap::kernel {

/// A step that nobody but the task who takes it can see or hinder, if one is due; for explorer::PartialOrder.
///
/// It belongs to a task that is alone in its container: every other task there is dead, or sleeps and is
/// woken by nobody outside. The step touches nothing but the task, its process and what belongs to its
/// container (pid namespace, reference counts of the mount namespace); so no task elsewhere sees it, the
/// other members cannot look before it is done, and it does not look at anything that others change. It is
/// part of a straight way (do_exit() and what leads there), so it lies on no cycle.
std::optional<Action> lone_step(const Config& c, const State& s);

/// Whether `after`, which `step` made of `before`, is what a lone step may do: the task still runs, and
/// nobody was woken. (A task that is queued shows elsewhere: an idle CPU that has one to run is not idle to
/// RCU.)
bool stays_lone(const Config& c, const State& before, const State& after, const Action& step);

/// Why no step of the scenario can ever be left to itself; empty if some can.
std::string why_not_partly_ordered(const Config& c);

}  // namespace unzap::kernel
