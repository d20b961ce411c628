// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.hpp"
#include "explorer/fate.hpp"

namespace unzap {

/// A counterexample as it was written down (docs/schema/trace.schema.json).
struct RecordedTrace {
  std::string scenario, scenario_text, kernel, preempt;
  kernel::Variant variant;
  std::string verdict;         ///< "lockup", "busy-wait", "broken"
  std::string trap_kind;       ///< empty unless it is a lockup
  std::string invariant;       ///< the one that its last state breaks; empty unless it is broken
  std::size_t fatal_step = 0;  ///< of a lockup
  std::vector<std::string> tasks;
  std::string start_digest;
  std::vector<CheckMoment> start;
  std::vector<CheckStep> steps, loop;
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
std::string_view name(Fit fit);

/// What running a trace again showed.
struct ReplayReport {
  Fit fit = Fit::fits;
  std::string scenario, kernel, preempt;      ///< what was run
  std::string verdict, trap_kind, invariant;  ///< what the trace claims
  const kernel::Invariant* broken =
      nullptr;  ///< the first that a state on the way breaks: the model is wrong
  std::size_t fatal_step = 0;
  std::size_t stem = 0, loop = 0;                 ///< steps of the trace
  std::size_t step = 0;                           ///< where it stops to fit, from 1; 0: at the start
  CheckStep recorded;                             ///< that step as it was written down
  std::vector<std::string> differences;           ///< task by task; empty when the difference is not visible
  std::vector<std::string> possible;              ///< what could happen there instead, in words
  explorer::Fate fate = explorer::Fate::unknown;  ///< of the state that the steps lead to, when they fit
};

/// Runs `trace` on a model, action by action, and compares every state. Looks at no more than about
/// `max_states` states to say what can become of the last one.
ReplayReport replay_trace(const RecordedTrace& trace, const CheckRequest& on, std::size_t max_states);

}  // namespace unzap
