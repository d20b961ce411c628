// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <vector>

#include "snapshot/task.hpp"

namespace unzap {

/// The places in `tasks` of those worth more than their stat line: in D, stopped, traced or zombies, on their
/// way out, of the same process or family as such a one, or with a SIGKILL pending. Works on what stat says
/// alone.
std::set<std::size_t> tasks_that_matter(const std::vector<Task>& tasks);

/// Those not in `known` that descend from a process whose leader is the init of a pid namespace and on its
/// way out, as far as `tasks` (with NSpid where it was read) shows: members of a dying namespace that are
/// still there.
std::set<std::size_t> members_of_dying(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

/// Those not in `known` that trace one of `known` (with TracerPid where it was read): whether a tracer can
/// let go at all is seen on it.
std::set<std::size_t> tracers(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

/// Those of which one look says too little: on a CPU, or, of the `chosen` ones, in D or on their way out.
/// What a zombie or a stopped task has to say it has said.
std::set<std::size_t> unsettled(const std::vector<Task>& tasks, const std::set<std::size_t>& chosen);

/// Those of `again` that two looks have shown where they were, and of which only more time can tell: on their
/// way out and still there, in D without a context switch, or busy in the kernel. The last two of `chosen`.
std::set<std::size_t> lasting(const std::vector<Task>& tasks, const std::set<std::size_t>& again,
                              const std::set<std::size_t>& chosen);

/// Those not in `known` that spent at least half of the time between their two samples in the kernel.
std::set<std::size_t> busy_in_kernel(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

}  // namespace unzap
