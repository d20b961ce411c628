// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/finding.hpp"
#include "rescue/means.hpp"
#include "snapshot/snapshot.hpp"
#include "util/names.hpp"

namespace unzap {

/// A task that a plan speaks of; a bare number may be another task by the time one acts.
struct RescueTarget {
  TaskId id;
  std::int32_t tgid = 0;
  std::string comm;
  std::optional<std::uint64_t> pid_ns = {};  ///< inode of its pid namespace; nothing: not known

  std::string label() const;  ///< "lab-init[57]"
  bool operator==(const RescueTarget&) const = default;
};

/// Somebody who must come free, and how it stood when the plan was made.
struct Watched : RescueTarget {
  bool zombie = false;                         ///< dead already, and not reaped
  std::optional<std::uint64_t> switches = {};  ///< context switches of both kinds; nothing: not known

  bool operator==(const Watched&) const = default;
};

/// Something that must hold before anything is done.
struct Condition {
  enum class Met : std::uint8_t { yes, no, unknown };
  std::string text;
  Met met = Met::unknown;
  std::string seen;                     ///< what was seen of it; where it does not hold, what to do about it
  bool may_be_unknown = false;          ///< `unknown` does not stand in the way; `no` always does
  std::vector<Unproved> unproved = {};  ///< what was seen of it instead of `seen`: what is only inferred

  bool in_the_way() const { return met == Met::no || (met == Met::unknown && !may_be_unknown); }
  bool operator==(const Condition&) const = default;
};

constexpr auto names_of(Condition::Met) {
  using Met = Condition::Met;
  return name_table<Met>({{Met::yes, "yes"}, {Met::no, "no"}, {Met::unknown, "unknown"}});
}

enum class ActionKind : std::uint8_t {
  clear_notify_signal,  ///< unzap_rescue clears TIF_NOTIFY_SIGNAL of `target`
  write_file,           ///< `value` into `file`: thaw a cgroup, abort a FUSE connection
  signal_task,          ///< `signal` to the process of `target`
};

constexpr auto names_of(ActionKind) {
  return name_table<ActionKind>({{ActionKind::clear_notify_signal, "clear-notify-signal"},
                                 {ActionKind::write_file, "write-file"},
                                 {ActionKind::signal_task, "signal-task"}});
}

/// What ties the target of a signal to the tasks that it holds up.
enum class Tie : std::uint8_t {
  none,
  parent,  ///< `held` are zombies, and children of the target's process
  tracer,  ///< `held` are traced by a thread of the target's process
};

/// What a file is still to be when it is written: asked once more in the last step before the write.
struct WriteGuard {
  RescueTarget task;  ///< whom the write is to free
  FolderId folder;    ///< of the file
  std::optional<std::uint32_t>
      connection;               ///< of FUSE: `task` waits for it; nothing: thaw, a cgroup holds `task`
  std::vector<TaskId> may_run;  ///< thaw: those that are not dying and may run again
  bool more = false;            ///< thaw: another cgroup freezes `task`, too, and it is not free yet

  /// All of it in one line, for the id of the plan.
  std::string text() const;
  bool operator==(const WriteGuard&) const = default;
};

/// The one thing that is done, and what it means.
struct Action {
  ActionKind kind = ActionKind::clear_notify_signal;
  std::string remedy;  ///< its id among the finding's remedies
  std::optional<RescueTarget> target;
  std::string file, value;
  int signal = 0;
  std::string text;
  std::string changes;
  std::string cannot_undo;
  std::optional<WriteGuard> guard = {};  ///< of write_file: never nothing in a plan that is ready
  Tie tie = Tie::none;
  /// The tasks of this finding that the target holds up, by `tie`. Asked again in the last look before the
  /// act.
  std::vector<RescueTarget> held = {};

  bool operator==(const Action&) const = default;
};

/// What could be done about one finding.
struct Plan {
  /// Names this plan and no other: see plan_id(). Empty when there is no action.
  std::string id;
  std::string cause;
  Confidence confidence = Confidence::possible;
  std::string summary;
  std::optional<RescueTarget> culprit;
  std::optional<std::uint64_t> pid_ns =
      {};                                   ///< inode of the dying pid namespace; nothing: none, or not known
  std::optional<RescueTarget> reaper = {};  ///< the init of that namespace
  std::vector<Condition> conditions;
  std::optional<Action> action;  ///< nothing: `why_none` says why
  std::string why_none;
  /// Who must come free: the reaper, then the victims. Nobody: freeing could not be told, so nothing is done.
  std::vector<Watched> watched;
  std::vector<std::string> serves = {};  ///< what else the target is there for, a line each
  /// The living children of the target, of this jam or not: who comes later was not asked about.
  std::vector<TaskId> children = {};
  std::size_t finding = 0;  ///< its number among the findings, from 0
  std::string after = {};   ///< id of the milder plan for the same finding, to be tried first; empty: none

  /// There is an action, and no condition is in the way.
  bool ready() const;
  /// The first condition that is in the way, or nullptr.
  const Condition* obstacle() const;
  bool operator==(const Plan&) const = default;
};

/// 12 characters of [0-9a-z] that tell this plan from every other: a digest of the cause, the dying namespace
/// and its init, the action with its signal, file and value, and the identity (pid namespace, number, start
/// time) of the target and the culprit. Victims come and go, and words may differ: both leave it as it is. It
/// is cut from a SHA-256, for names of cgroups are chosen by strangers, who must not find one with the id of
/// another plan.
std::string plan_id(const Plan& plan);

/// True when `text` could be a plan's id.
bool is_plan_id(std::string_view text);

/// What to do about `finding` of `snapshot` with these means, the mildest first; at least one. Pure. An
/// action never touches a task that is not part of the finding.
std::vector<Plan> plans_for(const Finding& finding, const Snapshot& snapshot, const Means& means);

/// The mildest of plans_for().
Plan make_plan(const Finding& finding, const Snapshot& snapshot, const Means& means);

/// The plans for all findings, in the order of the findings, each of them once.
std::vector<Plan> make_plans(const Diagnosis& diagnosis, const Snapshot& snapshot, const Means& means);

}  // namespace unzap
