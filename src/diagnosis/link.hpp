// SPDX-License-Identifier: Apache-2.0
// Who waits for whom, and why: the ends and the reason of a link as values. The words are in
// report/diagnosis.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/task.hpp"

namespace unzap {

/// What a wait at a known place of the kernel is for: a phrase of the table of wait sites.
struct WaitObject {
  std::string_view what =
      {};                  ///< "the answer of a FUSE server"; of one that is the waiter's own, without "its"
  bool own = false;        ///< the waiting task's own: its tracer, of several their tracer
  bool frozen_fs = false;  ///< a frozen file system: fsfreeze -u ends the wait

  constexpr WaitObject() = default;
  constexpr WaitObject(const char* text)  // NOLINT(google-explicit-constructor): a row of a table
      : what(text) {}

  /// "its tracer"; "their tracer" of several who wait.
  std::string text(std::size_t waiters = 1) const;

  auto operator<=>(const WaitObject&) const = default;
};

/// What can wait, or be waited for.
enum class NodeKind : std::uint8_t {
  task,              ///< `name`, `number`, `start_ticks`; without a name one that a report does not name
  pid_namespace,     ///< of the dying init `name`; `number` is the init's process
  rcu_grace_period,  ///< one node: the host has one at a time of each flavour, and they share their holders
  cpu,               ///< `number`
  cgroup,            ///< a freezer: `name` is its path; without one `object` says what is waited for
  outside,           ///< a server, a device or a lock holder that the snapshot does not show: `object`
  tracer,            ///< `number`; nothing: not known
  parent,            ///< one that is not shown
  pid_numbers,       ///< the last ones of a pid namespace
  hidden_members,    ///< of a pid namespace
  hidden_threads,    ///< of a dead leader
  hidden,            ///< whatever it is, it is not shown
  below_do_exit,     ///< what `functions` wait for
  innermost_frames,  ///< what a stack that no table knows names
  io_uring_requests,
  mmap_lock,  ///< of the task `name`
  cmdline_reader,
  cleanup_net,
  net_device_reference,
  oom_killer,
  runtime,  ///< of a container
  nobody,
};

/// One end of a link. Two are equal when they are the same thing.
struct NodeRef {
  NodeKind kind = NodeKind::hidden;
  std::string name = {};
  std::optional<std::int32_t> number = {};
  std::optional<std::uint64_t> start_ticks = {};
  WaitObject object = {};
  std::vector<std::string> functions = {};  ///< innermost first

  NodeRef() = default;
  NodeRef(NodeKind which) : kind(which) {}  // NOLINT(google-explicit-constructor): most kinds are alone

  static NodeRef of(const Task& task);
  static NodeRef namespace_of(const Task& init);
  static NodeRef cpu(std::int32_t number);
  static NodeRef tracer(std::int32_t number);
  static NodeRef cgroup(std::string path);
  static NodeRef outside(const WaitObject& object);
  static NodeRef below_do_exit(std::vector<std::string> functions);
  static NodeRef mmap_lock_of(const Task& task);

  auto operator<=>(const NodeRef&) const = default;
};

/// Why the one end of a link cannot come on before the other does.
struct Reason {
  enum Kind : std::uint8_t {
    none,
    namespace_not_empty,  ///< zap_pid_ns_processes() returns when it is
    is_member,            ///< of the namespace
    waits_in,             ///< `functions`
    waits_for_dying,      ///< `object` says which
    frozen_by,
    no_quiescent_state,  ///< has been reported
    never_schedules,     ///< so there can be no quiescent state
    keeps_cpu,           ///< the CPU runs it and nothing else
    runs,                ///< it waits for nobody
    live_threads,        ///< a zombie leader cannot be reaped before they are gone
    parent_must_reap,
    is_traced,
    io_worker,
    exits_beside,  ///< a dying init, in a text without parents
    to_reap,
    to_reap_or_detach,
    to_report_end,  ///< of a container
  };

  Reason(Kind which = none) : kind(which) {}  // NOLINT(google-explicit-constructor): most kinds are alone

  Kind kind;
  std::vector<std::string> functions = {};  ///< innermost first
  WaitObject object = {};

  static Reason waits(std::vector<std::string> functions);
  static Reason for_dying(const WaitObject& object);

  bool operator==(const Reason&) const = default;
};

/// One edge of the chain, from what the user sees to the leaf that waits for nobody.
struct Link {
  NodeRef from;
  NodeRef to;
  Reason reason = {};
  bool inferred = false;                   ///< not seen, but follows from how the kernel works
  std::vector<std::string> evidence = {};  ///< ids

  bool operator==(const Link&) const = default;
};

}  // namespace unzap
