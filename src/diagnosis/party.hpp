// SPDX-License-Identifier: Apache-2.0
// A task as a finding names it, and what it has to do with the jam. The words for it are in report/diagnosis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/task.hpp"

namespace unzap {

/// What keeps a process from reaping its children.
struct HeldUp {
  enum Kind : std::uint8_t {
    nothing,  ///< it is alive, and nothing is seen
    frozen,   ///< by `cgroup`
    stopped,  ///< SIGSTOP, or a terminal
    traced,   ///< in a stop of `tracer`
    blocked,  ///< uninterruptible, in the kernel
    unmoved,  ///< none of its threads had a context switch while it was looked at
  };
  Kind kind = nothing;
  std::string cgroup = {};                  ///< path
  std::optional<std::int32_t> tracer = {};  ///< nothing: not known

  /// "it is stopped (SIGSTOP, or a terminal)": what the summary of a finding and a role both say.
  std::string text() const;

  bool operator==(const HeldUp&) const = default;
};

/// What a task has to do with the jam. Most kinds say it all; those that do not name the field that belongs
/// to them.
struct Role {
  enum Kind : std::uint8_t {
    none,
    // The init of a container.
    dying_init,
    init_in_zap,           ///< dying, and waits in zap_pid_ns_processes()
    spins_in_first_loop,   ///< of zap_pid_ns_processes()
    spins_in_second_loop,  ///< of zap_pid_ns_processes()
    dead_init,             ///< a zombie
    first_process,         ///< of a bare process tree
    // Others in there.
    member,
    remaining_member,
    child_of_first_process,
    // Zombies.
    zombie,
    zombie_unreaped,            ///< by its parent
    zombie_held,                ///< by its live threads, or by a tracer
    zombie_of_spinning_reaper,  ///< its reaper spins
    zombie_with_live_threads,   ///< a leader
    zombie_behind_thread,       ///< a leader; `thread` is the one
    zombie_behind_frozen,       ///< whoever ought to reap it is frozen
    // Those that wait.
    waits_in,       ///< `functions`
    waits_in_exit,  ///< below do_exit(), at a place that no table knows
    in_exit,        ///< without an address space
    waits_for_rcu,
    waits_for_frozen,
    waits_in_freezer,
    waits_for_cleanup_net,
    waits_for_dying,  ///< instead of reaping them
    blocked,
    uninterruptible,  ///< and nothing tells why
    refused_to_freeze,
    traced,
    // Those that others wait for.
    frozen,          ///< by `cgroup`
    misses_freezer,  ///< it stands in `functions` and does not come to its freezer
    holds_cpu,       ///< `cpu`, where that is known
    holds_rcu_tasks,
    mmap_lock_held,
    cleans_up_net,     ///< takes network namespaces down
    cancels_requests,  ///< of io_uring, in a loop
    tracer,
    does_not_reap,  ///< `held_up` says why, where anything does
    killed_by_oom,
  };

  Role(Kind which = none) : kind(which) {}  // NOLINT(google-explicit-constructor): a kind is a role

  Kind kind;
  std::vector<std::string> functions = {};  ///< innermost first; "..." stands for the rest
  std::string cgroup = {};                  ///< path
  std::string thread = {};                  ///< its label
  std::optional<std::int32_t> cpu = {};
  std::optional<HeldUp> held_up = {};

  static Role waits(std::vector<std::string> functions);
  static Role frozen_by(std::string cgroup);
  static Role away_from_freezer(std::vector<std::string> functions);
  static Role on_cpu(std::optional<std::int32_t> cpu);
  static Role behind(const Task& thread);
  static Role held_up_by(HeldUp why);

  bool is_init() const;  ///< of a container
  bool is_zombie() const;

  bool operator==(const Role&) const = default;
};

/// A task as a finding names it. A number that is not known is "?" in text and null in JSON.
struct Party {
  std::optional<std::int32_t> pid = {};  ///< tgid
  std::optional<std::int32_t> tid = {};
  std::string comm = {};
  Role role = {};
  std::string container = {};  ///< id, by its cgroup; empty: none, or not known
  std::string pod = {};        ///< uid of its Kubernetes pod, by its cgroup; empty: none, or not known
  /// Nothing: not known, so nothing may be done to it.
  std::optional<std::uint64_t> start_ticks = {};

  /// The identity; nothing where only the number is known, as in most texts.
  std::optional<TaskId> id() const;

  bool operator==(const Party&) const = default;
};

}  // namespace unzap
