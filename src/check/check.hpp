// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "explorer/explore.hpp"
#include "kernel/machine/invariants.hpp"
#include "kernel/machine/machine.hpp"

namespace unzap {

/// What a check answers.
enum class CheckVerdict : std::uint8_t {
  proved,        ///< every reachable state was seen; each can still end, and nobody waits busily
  lockup,        ///< a trap: from some state on no schedule whatever leads out
  busy_wait,     ///< no trap, but a task can go round without sleeping or giving way
  inconclusive,  ///< a limit was hit before a lockup was found; `loop` tells of a busy wait that was
  broken,        ///< the model is wrong: a state breaks one of its invariants; asked with Limits::invariants
};
std::string_view name(CheckVerdict verdict);
/// 0, 13, 14, 5, 70.
int exit_code(CheckVerdict verdict);

/// Which scenario on which kernel.
struct CheckRequest {
  kernel::Scenario scenario;
  std::string kernel;  ///< the preset's name
  kernel::Variant variant;
  kernel::Preempt preempt = kernel::Preempt::none;
  explorer::Limits limits;
  unsigned workers = 1;        ///< the answer is the same for any number
  bool compact = false;        ///< keep fingerprints instead of states
  bool symmetry = false;       ///< take states that differ in names only for one
  bool partial_order = false;  ///< do not stop before steps that nobody else can see
  std::string scenario_text;   ///< the TOML, for traces that bring their scenario along; may be empty
};

/// A task at one moment.
struct CheckMoment {
  std::string state;     ///< "runs", "queued", "sleeps", "blocked" (TASK_UNINTERRUPTIBLE), "idle", "zombie",
                         ///< "gone"
  int cpu = -1;          ///< where it runs
  std::string function;  ///< the innermost of its stack; empty for a dead task
  std::vector<std::string> pending;  ///< TIF_SIGPENDING, TIF_NOTIFY_SIGNAL

  bool operator==(const CheckMoment&) const = default;
};

/// One step of a counterexample, in words.
struct CheckStep {
  std::size_t step = 0;  ///< from 1
  int cpu = -1;          ///< -1: the world outside the CPUs
  std::string task;      ///< who acted; "irq", "scheduler", "outside"
  std::string function;
  std::string file;
  std::string text;
  kernel::Action action;           ///< what the model is asked to do
  std::string digest;              ///< of the state it leads to
  std::vector<CheckMoment> after;  ///< every task in that state
};

/// Who takes part.
struct CheckActor {
  std::string name;
  std::string role;  ///< "an io-wq worker of npm start"
};

/// What a host in a trap would show is drawn from this.
struct TrapPicture {
  kernel::Config config;
  kernel::State first, last;  ///< two states of the trap
  std::vector<bool> busy;     ///< who never leaves its CPU there
};

/// What becomes of a task in the trap (or on the busy cycle).
struct CheckTask {
  std::string task;
  std::string state;  ///< "spins", "hung" (TASK_UNINTERRUPTIBLE throughout), "starved" (runnable, never
                      ///< runs), "zombie", "sleeps", "gone"
  int cpu = -1;       ///< where it spins
  std::vector<std::string> stack;  ///< innermost first
};

/// What becomes of a container in the trap.
struct CheckContainer {
  std::string name;   ///< of its init
  std::string state;  ///< "gone", "spins" (one of its tasks does), "victim" (cannot end, but would if those
                      ///< that spin did not), "stuck" (cannot end, and more is not known)
};

/// The answer, with its proof or its counterexample.
struct CheckReport {
  CheckVerdict verdict = CheckVerdict::inconclusive;
  std::string stop;  ///< why the search ended, in words
  std::string scenario, summary, kernel, preempt;
  std::string scenario_text;       ///< the TOML, if it was given
  std::vector<CheckActor> actors;  ///< in creation order
  int cpus = 0;
  std::vector<std::pair<std::string, bool>> fixes;
  std::vector<std::pair<std::string, bool>> switches;  ///< the other differences
  std::vector<std::string> changed;  ///< "with fix-2024": how this kernel differs from the preset
  explorer::Progress figures;
  double seconds = 0;                 ///< search and analysis
  std::size_t bytes_per_state = 0;    ///< of a state in full
  double bytes_kept_per_state = 0;    ///< what the search kept, edges and all, for each state
  double bytes_stored_per_state = 0;  ///< the same without the edges
  unsigned workers = 1;
  bool compact = false;
  std::vector<std::string> reductions;  ///< "symmetry (2 CPUs)": the figures below are of the reduced search
  double omission_odds = 0;             ///< with `compact`: at most so likely two states shared a fingerprint
  std::size_t doomed_states = 0;
  std::size_t traps = 0;
  std::vector<std::pair<std::string, std::size_t>> witnesses;  ///< fact and number of states that show it
  /// The search is complete, and in no state did anything happen that the model is about: a proof of nothing.
  bool vacuous = false;
  bool never_ends = false;  ///< the search is complete, and no schedule whatever ends everything

  /// With the verdict broken: what does not hold in the state that `trace` leads to.
  const kernel::Invariant* broken = nullptr;

  /// Of the nearest trap; empty for other verdicts.
  std::string trap_kind;  ///< "livelock", "deadlock"
  std::size_t trap_states = 0;
  std::size_t fatal_step = 0;  ///< the step that no schedule makes good; 0: doomed from the start
  bool fatal_exact = true;     ///< false: an earlier step may be the fatal one; too many states lie behind it
  std::vector<CheckTask> tasks;            ///< in the trap, or on the busy cycle
  std::vector<CheckContainer> containers;  ///< in the trap, if there is more than one

  std::string start_digest;            ///< of the initial state
  std::vector<CheckMoment> start;      ///< every task in the initial state
  std::vector<CheckStep> trace;        ///< from the start into the trap or the busy cycle
  std::vector<CheckStep> loop;         ///< what then goes on for ever (livelock) or may (busy wait)
  std::optional<TrapPicture> picture;  ///< of a lockup
  bool minimal = false;   ///< of a lockup: no step of the trace can be left out (explorer/shrink.hpp)
  bool replayed = false;  ///< the trace was run again, action by action, and led to the same states
};

/// Why a reduction that is asked for would not be sound; empty if all are. check() takes no such request.
std::string why_not_reducible(const CheckRequest& request);

/// Explores the scenario and judges it. `watch` sees the progress and may interrupt.
CheckReport check(const CheckRequest& request, const explorer::Watch& watch = {});

}  // namespace unzap
