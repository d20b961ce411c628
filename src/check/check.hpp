// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explorer/explore.hpp"
#include "explorer/trace.hpp"
#include "kernel/machine/invariants.hpp"
#include "kernel/machine/machine.hpp"
#include "util/names.hpp"

namespace unzap {

/// What a check answers.
enum class CheckVerdict : std::uint8_t {
  proved,        ///< every reachable state was seen; each can still end, and nobody waits busily
  lockup,        ///< a trap: from some state on no schedule leads out
  busy_wait,     ///< no trap, but a task can go round without sleeping or giving way
  inconclusive,  ///< a limit was hit before a lockup was found; `loop` tells of a busy wait that was
  broken,        ///< the model is wrong: a state breaks one of its invariants; asked with Limits::invariants
};
constexpr auto names_of(CheckVerdict) {
  return name_table<CheckVerdict>({{CheckVerdict::proved, "proved"},
                                   {CheckVerdict::lockup, "lockup"},
                                   {CheckVerdict::busy_wait, "busy-wait"},
                                   {CheckVerdict::inconclusive, "inconclusive"},
                                   {CheckVerdict::broken, "broken"}});
}
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

/// What a task does at one moment.
enum class MomentState : std::uint8_t {
  runs,     ///< it is on a CPU
  queued,   ///< runnable, and on none
  sleeps,   ///< TASK_INTERRUPTIBLE
  blocked,  ///< TASK_UNINTERRUPTIBLE
  idle,     ///< TASK_IDLE
  zombie,
  gone,  ///< released
};
constexpr auto names_of(MomentState) {
  return name_table<MomentState>({{MomentState::runs, "runs"},
                                  {MomentState::queued, "queued"},
                                  {MomentState::sleeps, "sleeps"},
                                  {MomentState::blocked, "blocked"},
                                  {MomentState::idle, "idle"},
                                  {MomentState::zombie, "zombie"},
                                  {MomentState::gone, "gone"}});
}

/// A task at one moment.
struct CheckMoment {
  MomentState state = MomentState::gone;
  int cpu = -1;              ///< where it runs
  std::string function;      ///< the innermost of its stack; empty for a dead task
  std::uint8_t pending = 0;  ///< kernel::k_tif_sigpending, kernel::k_tif_notify_signal

  bool operator==(const CheckMoment&) const = default;
};

/// What becomes of a task in a trap (or on a busy cycle), where it stays so.
enum class TaskFate : std::uint8_t {
  spins,
  hung,     ///< TASK_UNINTERRUPTIBLE throughout
  waits,    ///< dying, and asleep
  starved,  ///< runnable, and never on a CPU
  sleeps,
  zombie,
  gone,
};
constexpr auto names_of(TaskFate) {
  return name_table<TaskFate>({{TaskFate::spins, "spins"},
                               {TaskFate::hung, "hung"},
                               {TaskFate::waits, "waits"},
                               {TaskFate::starved, "starved"},
                               {TaskFate::sleeps, "sleeps"},
                               {TaskFate::zombie, "zombie"},
                               {TaskFate::gone, "gone"}});
}

struct CheckTask {
  std::string task;  ///< its comm
  TaskFate fate = TaskFate::gone;
  int cpu = -1;                    ///< where it spins
  std::vector<std::string> stack;  ///< innermost first
};

/// What becomes of a container in a trap.
enum class ContainerFate : std::uint8_t {
  gone,
  spins,   ///< one of its tasks does
  victim,  ///< cannot end, but would if those that spin did not
  stuck,   ///< cannot end, and more is not known
};
constexpr auto names_of(ContainerFate) {
  return name_table<ContainerFate>({{ContainerFate::gone, "gone"},
                                    {ContainerFate::spins, "spins"},
                                    {ContainerFate::victim, "victim"},
                                    {ContainerFate::stuck, "stuck"}});
}

struct CheckContainer {
  std::string name;  ///< of its init
  ContainerFate fate = ContainerFate::gone;
};

enum class TrapKind : std::uint8_t { livelock, deadlock };
constexpr auto names_of(TrapKind) {
  return name_table<TrapKind>({{TrapKind::livelock, "livelock"}, {TrapKind::deadlock, "deadlock"}});
}

/// What a host in a trap would show is drawn from this.
struct TrapPicture {
  kernel::Config config;
  kernel::State first, last;  ///< two states of the trap
  std::vector<bool> busy;     ///< who never leaves its CPU there
};

/// Steps of the model: what it is asked to do, and the state that this leads to.
using Steps = std::vector<explorer::TraceStep<kernel::Machine>>;

/// A way from the initial state into a trap, onto a busy cycle, or to a state that breaks an invariant. It
/// holds no words: whoever shows it runs it again on the machine of the request
/// (report/trace/trace_view.hpp).
struct Counterexample {
  std::optional<TrapKind> trap;  ///< nothing: no trap
  /// What does not hold in the state that `stem` leads to; nullptr unless the verdict is broken.
  const kernel::Invariant* broken = nullptr;
  std::size_t trap_states = 0;
  std::size_t fatal_step = 0;  ///< the step that no schedule makes good, from 1; 0: doomed from the start
  bool fatal_exact = true;     ///< false: an earlier step may be the fatal one; too many states lie behind it
  kernel::State start{};       ///< the initial state
  Steps stem;                  ///< from there into the trap, onto the cycle, or to the broken state
  Steps loop;                  ///< what then goes on forever (livelock) or may (busy wait), back to its start
  std::vector<CheckTask> tasks;            ///< in the trap, or on the busy cycle; in creation order
  std::vector<CheckContainer> containers;  ///< in the trap, if there is more than one
  std::optional<TrapPicture> picture;      ///< of a trap
  bool minimal = false;   ///< of a trap: no step of the stem can be left out (explorer/shrink.hpp)
  bool replayed = false;  ///< all steps were run again, action by action, and led to the same states
};

/// The answer, with its proof or its counterexample.
struct CheckReport {
  CheckRequest asked;
  CheckVerdict verdict = CheckVerdict::inconclusive;
  std::optional<explorer::Stop> stop;  ///< why the search ended; nothing when there was none (simulate)
  explorer::Progress figures;
  double seconds = 0;                  ///< search and analysis
  std::size_t bytes_per_state = 0;     ///< of a state in full
  double bytes_kept_per_state = 0;     ///< what the search kept, edges and all, for each state
  double bytes_stored_per_state = 0;   ///< the same without the edges
  std::array<std::size_t, 3> alike{};  ///< what symmetry took for one: see kernel::Symmetry::sizes()
  double omission_odds = 0;  ///< of a compact search: at most so likely two states shared a fingerprint
  std::size_t doomed_states = 0;
  std::size_t traps = 0;
  std::vector<std::size_t> witnesses;  ///< states that show each of kernel::k_witnesses; empty: no search
  /// The search is complete, and in no state did anything happen that the model is about: a proof of nothing.
  bool vacuous = false;
  bool never_ends = false;  ///< the search is complete, and no schedule ends everything
  /// Of the nearest trap, of the first busy wait, or of the state that breaks an invariant.
  std::optional<Counterexample> counterexample;
};

/// The model that a request is about.
kernel::Machine machine_of(const CheckRequest& request);

/// Why a reduction that is asked for would not be sound; empty if all are. check() takes no such request.
std::string why_not_reducible(const CheckRequest& request);

/// Explores the scenario and judges it. `watch` sees the progress and may interrupt.
CheckReport check(const CheckRequest& request, const explorer::Watch& watch = {});

}  // namespace unzap
