// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explorer/model.hpp"
#include "kernel/machine/step.hpp"
#include "kernel/machine/symmetry.hpp"
#include "kernel/story/environment.hpp"
#include "util/names.hpp"

namespace unzap::kernel {

/// What can happen next.
enum class Event : std::uint8_t {
  run,          ///< the current task of `cpu` takes a step
  pick,         ///< the scheduler puts `task` on the free `cpu`
  place,        ///< without balancing: the woken `task` is queued on `cpu`, and stays there
  tick,         ///< the timer interrupt of `cpu` finds that another task waits for it
  ipi,          ///< rcu_exp_handler() runs on `cpu`
  environment,  ///< the world around the container: see `what`
};

/// As traces name it; stable.
constexpr auto names_of(Event) {
  return name_table<Event>({{Event::run, "run"},
                            {Event::pick, "pick"},
                            {Event::place, "place"},
                            {Event::tick, "tick"},
                            {Event::ipi, "ipi"},
                            {Event::environment, "environment"}});
}

struct Action {
  Event event = Event::run;
  std::uint8_t cpu = k_no_cpu;
  TaskNo task = k_no_task;
  Environment what = Environment::timeout;  ///< of Event::environment
  bool operator==(const Action&) const = default;
};

/// An action as one reads it.
struct Description {
  std::uint8_t cpu = k_no_cpu;  ///< k_no_cpu: the world outside
  TaskNo task = k_no_task;      ///< who acted, or was interrupted or picked
  std::string actor;            ///< its name, "irq", "scheduler", "outside"
  std::string_view function;
  std::string_view file;
  std::string text;
  std::vector<CallFrame> steps;  ///< of Event::run: the rows that were taken, in their order
};

/// The kernel and its tasks, as a model for the explorer.
class Machine {
 public:
  using State = kernel::State;
  using Action = kernel::Action;
  static constexpr std::size_t k_state_block = sizeof(Task);  ///< tasks come first, and change one at a time

  Machine(const Scenario& scenario, const Variant& variant, Preempt preempt);

  State initial() const;
  /// The same kernel, whose story begins at `state`.
  Machine started_at(const State& state) const;
  bool is_goal(const State& s) const;
  std::uint32_t witnesses(const State& s) const;
  /// The name of the first invariant that `s` breaks (invariants.hpp); empty: all hold.
  std::string_view violated(const State& s) const;
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    std::array<Action, k_max_actions> actions;
    const std::size_t count = enabled(s, actions);
    for (std::size_t i = 0; i < count; ++i) {
      State next = s;
      const explorer::Label label = apply(actions[i], next, nullptr);
      emit(actions[i], next, label);
    }
  }

  /// For explorer::PartialOrder: the one step that nobody else can see, if there is one.
  template <class Emit>
  bool emit_lone(const State& s, const Emit& emit) const {
    State next = s;
    Action action;
    explorer::Label label;
    if (!find_lone(s, action, next, label)) return false;
    emit(action, next, label);
    return true;
  }
  /// For explorer::Symmetric.
  Renaming canonicalise(State& s) const { return symmetry_.canonicalise(config_, s); }
  const Symmetry& symmetry() const { return symmetry_; }

  /// What `action` does in `s`, in words.
  Description describe(const State& s, const Action& action) const;
  const Config& config() const { return config_; }

 private:
  static constexpr std::size_t k_max_actions = 128;

  std::size_t enabled(const State& s, std::array<Action, k_max_actions>& out) const;
  explorer::Label apply(const Action& action, State& s, Description* words) const;
  bool find_lone(const State& s, Action& action, State& next, explorer::Label& label) const;

  Config config_;
  Symmetry symmetry_;
  std::optional<State> start_;  ///< where the story begins, if not at the scenario's beginning
};

/// What the bits of Machine::witnesses() say.
inline constexpr std::array<std::string_view, 4> k_witnesses = {
    "TIF_NOTIFY_SIGNAL counts for the task in zap_pid_ns_processes()",
    "a thread that is not the leader is child_reaper",
    "a mount teardown waits for an expedited grace period",
    "everything is gone",
};

inline constexpr std::size_t k_witness_goal = 3;

/// The functions of a task's call stack as a backtrace of this kernel prints them, innermost first, whether
/// or not a compiler would inline them; empty for a dead task.
std::vector<std::string_view> backtrace(const Config& config, const Task& task);

}  // namespace unzap::kernel
