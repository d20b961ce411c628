// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.hpp"
#include "check/replay.hpp"

namespace unzap {

/// One step in words: `action`, which leads from `before` to `after`.
WrittenStep in_words(const kernel::Machine& machine, const kernel::State& before,
                     const kernel::Action& action, const kernel::State& after, std::size_t number);

/// Who acts in a step.
enum class Actor : std::uint8_t { task, scheduler, interrupt, outside };
Actor actor_of(const kernel::Action& action);
/// True when the same task, or the same of the others, acts in both.
bool same_actor(const kernel::Action& a, const kernel::Action& b);

/// A counterexample as one row of steps, the way and then the loop, with the moments between them. The words
/// are made here, by running the steps again. Without a counterexample the row is empty.
class TraceView {
 public:
  explicit TraceView(const CheckReport& report);

  std::size_t size() const { return steps_.size(); }
  const WrittenStep& operator[](std::size_t i) const { return steps_[i]; }
  /// Of the initial state.
  std::uint64_t start_digest() const { return start_digest_; }
  /// Every task before step `i`; `i == size()`: in the end.
  const std::vector<CheckMoment>& before(std::size_t i) const {
    return i == 0 ? start_ : steps_[i - 1].after;
  }
  std::size_t tasks() const { return way_.tasks.size(); }
  const std::string& task(std::size_t no) const { return way_.tasks[no].task; }
  /// Where the loop begins; size() when there is none.
  std::size_t loop_begin() const { return way_.stem.size(); }
  bool has_loop() const { return !way_.loop.empty(); }
  bool is_trap() const { return way_.trap.has_value(); }
  bool is_fatal(std::size_t i) const { return is_trap() && steps_[i].step == way_.fatal_step; }
  bool is_doomed_from_start() const { return is_trap() && way_.fatal_step == 0; }
  /// True when after `steps` steps no schedule helps any more.
  bool doomed_after(std::size_t steps) const { return is_trap() && steps >= way_.fatal_step; }
  /// Who acts in step `i`, as an index; tasks() for the scheduler, an interrupt, the world outside.
  std::size_t actor(std::size_t i) const;
  /// The flags that step `i` sets on task `no`.
  std::vector<std::string_view> raised(std::size_t i, std::size_t no) const;
  /// True when step `i` takes task `no` out of its sleep.
  bool wakes(std::size_t i, std::size_t no) const;
  /// What is known besides the steps; empty when there is no counterexample.
  const Counterexample& way() const { return way_; }

 private:
  void tell(const kernel::Machine& machine, const kernel::State*& at, const Steps& steps);

  const Counterexample way_;
  std::vector<WrittenStep> steps_;
  std::vector<CheckMoment> start_;
  std::uint64_t start_digest_ = 0;
};

/// What the steps of a way show; after a limit the verdict of the check itself is inconclusive.
CheckVerdict verdict_of(const std::optional<TrapKind>& trap, const kernel::Invariant* broken);

/// "exit_notify: find_child_reaper(): ..."; the function alone when there are no words.
std::string step_text(const WrittenStep& step);

/// "TIF_SIGPENDING", "TIF_NOTIFY_SIGNAL": the names of the bits of CheckMoment::pending.
std::vector<std::string_view> pending_names(std::uint8_t pending);
/// 0 when no bit has that name.
std::uint8_t pending_bit(std::string_view name);

}  // namespace unzap
