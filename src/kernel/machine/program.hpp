// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "kernel/machine/state.hpp"
#include "kernel/story/variant.hpp"

namespace unzap::kernel {

class Step;

/// What a step does. Where the routine goes on the step says with Step::call(), ret(), goes_to() and their
/// like, or by going to sleep, after which the same step is taken again; if it says nothing, the next row
/// follows.
using Run = void (*)(Step&);

/// What the interpreter and others need to know of a step.
struct Facts {
  /// The next row belongs to the same step: nothing that another CPU could see lies between the two.
  bool joins_next = false;
  /// It begins with a might_sleep(), at which PREEMPT_VOLUNTARY looks at TIF_NEED_RESCHED.
  bool might_sleep = false;
  /// It has a cond_resched(), which looks at TIF_NEED_RESCHED unless the kernel is fully preemptible.
  bool cond_resched = false;
  /// It touches nothing outside the container of its task, and looks at nothing that others change; before
  /// the group exits, or the task has PF_EXITING, that may not hold yet. Partial order rests on this.
  bool own_container = false;
  bool once_group_exits = false;
  bool once_exiting = false;
  /// The task has dropped its mm, its files and its namespaces.
  bool past_exit_mm = false;
};

/// The kernels that have a row: those with this switch, or without that one.
struct When {
  std::optional<Switch> with = {};
  std::optional<Switch> without = {};

  constexpr bool holds(const Variant& variant) const {
    return (!with || variant.has(*with)) && (!without || !variant.has(*without));
  }
};

/// A row of a program: a step by its name, an `enum class` of the routine. A routine with one step needs
/// none.
struct StepRow {
  constexpr StepRow() = default;
  constexpr StepRow(Run does, Facts known = {}) : run(does), facts(known) {}
  template <class Name>
  requires std::is_enum_v<Name>
  constexpr StepRow(Name its_name, Run does, Facts known = {}, When kernels = {})
      : routine(routine_of(its_name)),
        name(static_cast<std::uint8_t>(its_name)),
        run(does),
        facts(known),
        when(kernels) {}

  Routine routine = Routine::none;  ///< whose step the name is; none: that of the program
  std::uint8_t name = 0;
  Run run = nullptr;
  Facts facts;
  When when;
};

/// A few values that stand in the table itself.
template <class T, std::size_t N>
class Few {
 public:
  constexpr Few() = default;
  constexpr Few(std::initializer_list<T> values) : size_(values.size()) {
    std::copy(values.begin(), values.end(), values_.begin());
  }
  constexpr const T* begin() const { return values_.data(); }
  constexpr const T* end() const { return values_.data() + size_; }
  constexpr bool empty() const { return size_ == 0; }

 private:
  std::array<T, N> values_{};
  std::size_t size_ = 0;
};

/// A routine: what it is called, and its steps in the order in which the kernel takes them. A step may stand
/// in two rows, for kernels that take it at different places.
struct Program {
  Routine routine = Routine::none;
  std::string_view function;        ///< the function that a step of it is attributed to
  std::string_view file;            ///< of the 6.1 tree
  Few<std::string_view, 8> frames;  ///< what a backtrace prints for it, innermost first
  Few<StepRow, 12> steps = {};      ///< none: it only stands on the stack, for what it has called
  /// Who sleeps in it is woken by members of its own container only, or by the environment.
  bool woken_by_members = false;
};

/// The programs of one kernel, for the interpreter: each step by the number that a CallFrame holds.
class Programs {
 public:
  struct Loaded {
    Run run = nullptr;
    std::uint8_t next = 0;  ///< the step that follows; k_tail: none
    bool joins_next = false;
    bool might_sleep = false;  ///< the row itself begins with it
    Facts facts;               ///< of this row and those that it joins
  };

  Programs() = default;
  explicit Programs(const Variant& variant);

  const Loaded& at(Routine routine, std::uint8_t step) const {
    return steps_[base_[static_cast<std::size_t>(routine)] + std::size_t{step}];
  }
  /// What is known of where a caller goes on when what it called returns: nothing if it returns too.
  Facts facts_of(CallFrame frame) const {
    return frame.step == k_tail ? Facts{} : at(frame.routine, frame.step).facts;
  }
  /// Where the routine begins when it is called; k_tail if it has no steps.
  std::uint8_t first(Routine routine) const { return first_[static_cast<std::size_t>(routine)]; }

 private:
  void load(const Program& program, const Variant& variant);

  std::vector<Loaded> steps_;
  std::array<std::uint8_t, static_cast<std::size_t>(Routine::count_)> base_{}, first_{};
};

/// The table of a routine.
const Program& program(Routine routine);

}  // namespace unzap::kernel
