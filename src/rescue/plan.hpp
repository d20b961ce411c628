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

namespace unzap {

/// A task that a plan speaks of; a bare number may be another task by the time one acts.
struct RescueTarget {
  TaskId id;
  std::int32_t tgid = 0;
  std::string comm;

  std::string label() const;  ///< "lab-init[57]"
  bool operator==(const RescueTarget&) const = default;
};

/// Something that must hold before anything is done.
struct Condition {
  enum class Met : std::uint8_t { yes, no, unknown };
  std::string text;
  Met met = Met::unknown;
  std::string seen;             ///< what was seen of it; where it does not hold, what to do about it
  bool may_be_unknown = false;  ///< `unknown` does not stand in the way; `no` always does

  bool in_the_way() const { return met == Met::no || (met == Met::unknown && !may_be_unknown); }
  bool operator==(const Condition&) const = default;
};

enum class ActionKind : std::uint8_t {
  clear_notify_signal,  ///< unzap_rescue clears TIF_NOTIFY_SIGNAL of `target`
  write_file,           ///< `value` into `file`: thaw a cgroup, abort a FUSE connection
  signal_task,          ///< `signal` to `target`
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

  bool operator==(const Action&) const = default;
};

/// What could be done about one finding.
struct Plan {
  std::string cause;
  Confidence confidence = Confidence::possible;
  std::string summary;
  std::optional<RescueTarget> culprit;
  std::vector<Condition> conditions;
  std::optional<Action> action;  ///< nothing: `why_none` says why
  std::string why_none;
  /// Who must come free: culprit and victims. A task that is exiting must go; any other one, which waits
  /// behind it, must get on.
  std::vector<RescueTarget> watched;

  /// There is an action, and no condition is in the way.
  bool ready() const;
  bool operator==(const Plan&) const = default;
};

/// What to do about `finding` of `snapshot` with these means. Pure. An action never touches a task that is
/// not part of the finding.
Plan make_plan(const Finding& finding, const Snapshot& snapshot, const Means& means);

/// A plan for each finding in which something is stuck, in the order of the findings.
std::vector<Plan> make_plans(const Diagnosis& diagnosis, const Snapshot& snapshot, const Means& means);

}  // namespace unzap
