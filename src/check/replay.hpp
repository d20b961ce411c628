// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "check/check.hpp"
#include "explorer/fate.hpp"

namespace unzap {

/// A step as it is written down: in words, since a reader of the file wants them. report/trace makes them,
/// and reads them back; a replay looks at the action, the digest and the moments only.
struct WrittenStep {
  std::size_t step = 0;  ///< from 1
  int cpu = -1;          ///< -1: the world outside the CPUs
  std::string task;      ///< who acted; "irq", "scheduler", "outside"
  std::string function;
  std::string file;
  std::string text;
  kernel::Action action;
  std::uint64_t digest = 0;        ///< of the state it leads to
  std::vector<CheckMoment> after;  ///< every task in that state
};

/// A counterexample as it was written down (docs/schema/trace.schema.json).
struct RecordedTrace {
  std::string scenario, scenario_text, kernel;
  kernel::Preempt preempt = kernel::Preempt::none;
  kernel::Variant variant;
  std::optional<TrapKind> trap;                  ///< nothing: no lockup
  const kernel::Invariant* invariant = nullptr;  ///< the one that its last state breaks; nullptr: none
  std::size_t fatal_step = 0;                    ///< of a trap
  std::vector<std::string> tasks;
  std::uint64_t start_digest = 0;
  std::vector<CheckMoment> start;
  std::vector<WrittenStep> steps, loop;
};

/// How far a trace fits.
enum class Fit : std::uint8_t {
  fits,
  other_start,   ///< the model begins in another state: scenario, switches or model are not the trace's
  not_possible,  ///< an action of the trace is not possible where it is due
  elsewhere,     ///< it is possible, and leads to another state
  open_loop,     ///< the loop does not lead back to its beginning
  can_end,       ///< all steps fit, and yet a goal can be reached in the end
  holds,         ///< all steps fit, and yet the invariant holds in the end
};
constexpr auto names_of(Fit) {
  return name_table<Fit>({{Fit::fits, "fits"},
                          {Fit::other_start, "other-start"},
                          {Fit::not_possible, "not-possible"},
                          {Fit::elsewhere, "elsewhere"},
                          {Fit::open_loop, "open-loop"},
                          {Fit::can_end, "can-end"},
                          {Fit::holds, "holds"}});
}

/// What running a trace again showed.
struct ReplayReport {
  Fit fit = Fit::fits;
  CheckRequest on;                               ///< what was run
  std::optional<TrapKind> trap;                  ///< what the trace claims
  const kernel::Invariant* invariant = nullptr;  ///< the same; neither: a busy wait
  const kernel::Invariant* broken = nullptr;  ///< the first that a state on the way breaks: a defect of unzap
  std::size_t stem = 0, loop = 0;             ///< steps of the trace
  std::size_t step = 0;                       ///< where it stops fitting, from 1; 0: at the start
  explorer::Fate fate = explorer::Fate::unknown;  ///< of the state that the steps lead to, when they fit
  // Of a trace that does not fit, there:
  WrittenStep recorded;                       ///< that step; empty at the start
  std::vector<std::string> recorded_tasks;    ///< their names
  std::vector<CheckMoment> recorded_moments;  ///< every task after that step, or at the start
  kernel::State before{};                     ///< the state in which the step was due
  std::optional<kernel::State> reached;  ///< where the model is instead; nothing: the action is impossible
};

/// Runs `trace` on a model, action by action, and compares every state. Looks at no more than about
/// `max_states` states to say what can become of the last one.
ReplayReport replay_trace(const RecordedTrace& trace, const CheckRequest& on, std::size_t max_states);

}  // namespace unzap
