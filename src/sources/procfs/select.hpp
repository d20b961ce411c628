// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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

/// The pid namespaces of which `tasks` show that they die.
struct DyingNamespaces {
  std::set<std::uint64_t> inodes;
  /// Clock ticks after boot: the start of the oldest of their inits. Nobody can be a member of a namespace
  /// and older than its init: it makes the first pid of it (alloc_pid(), kernel/pid.c).
  std::uint64_t first_start = std::numeric_limits<std::uint64_t>::max();
};
DyingNamespaces dying_namespaces(const std::vector<Task>& tasks);

/// The processes (their leaders), not in `known`, that by what stat says could be members of one of these
/// namespaces: whoever came in with setns(2) has its parent outside.
std::set<std::size_t> possible_members(const std::vector<Task>& tasks, const std::set<std::size_t>& known,
                                       const DyingNamespaces& dying);

/// Those not in `known` that are threads of the processes of `of` and of their parents; of a process with
/// many threads the leader only.
std::set<std::size_t> threads_and_parents(const std::vector<Task>& tasks, const std::set<std::size_t>& known,
                                          const std::set<std::size_t>& of);

/// Those not in `known` that trace one of `known` (with TracerPid where it was read): whether a tracer can
/// let go at all is seen on it.
std::set<std::size_t> tracers(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

/// Those not in `known` of the runtime processes (runtime_name(), snapshot/container.hpp) that one of `known`
/// descends from: who a container belongs to is seen on them.
std::set<std::size_t> runtimes_above(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

/// Of `chosen`: the dead processes whose parent is a runtime's, and the threads of that parent. A runtime
/// reaps within milliseconds; whether it does, a second look tells.
std::set<std::size_t> left_to_runtimes(const std::vector<Task>& tasks, const std::set<std::size_t>& chosen);

/// Those of which one look says too little: on a CPU, or, of the `chosen` ones, in D or on their way out.
/// What a zombie or a stopped task has to say it has said, but for those left_to_runtimes().
std::set<std::size_t> unsettled(const std::vector<Task>& tasks, const std::set<std::size_t>& chosen);

/// Those of `again` that two looks have shown where they were, and of which only more time can tell: on their
/// way out and still there, in D without a context switch, or busy in the kernel. The last two of `chosen`.
std::set<std::size_t> lasting(const std::vector<Task>& tasks, const std::set<std::size_t>& again,
                              const std::set<std::size_t>& chosen);

/// Those not in `known` that spent at least half of the time between their two samples in the kernel.
std::set<std::size_t> busy_in_kernel(const std::vector<Task>& tasks, const std::set<std::size_t>& known);

}  // namespace unzap
