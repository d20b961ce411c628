// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "check/check.hpp"

namespace unzap {

/// A counterexample as one row of steps, the way and then the loop, with the moments between them.
class TraceView {
 public:
  explicit TraceView(const CheckReport& report) : report_(report) {
    for (const CheckStep& step : report.trace) steps_.push_back(&step);
    for (const CheckStep& step : report.loop) steps_.push_back(&step);
  }

  std::size_t size() const { return steps_.size(); }
  const CheckStep& operator[](std::size_t i) const { return *steps_[i]; }
  /// Every task before step `i`; `i == size()`: in the end.
  const std::vector<CheckMoment>& before(std::size_t i) const {
    return i == 0 ? report_.start : steps_[i - 1]->after;
  }
  std::size_t tasks() const { return report_.tasks.size(); }
  const std::string& task(std::size_t no) const { return report_.tasks[no].task; }
  /// Where the loop begins; size() when there is none.
  std::size_t loop_begin() const { return report_.trace.size(); }
  bool has_loop() const { return !report_.loop.empty(); }
  bool is_trap() const { return !report_.trap_kind.empty(); }
  bool is_fatal(std::size_t i) const { return is_trap() && (*this)[i].step == report_.fatal_step; }
  /// True when after `steps` steps no schedule helps any more.
  bool doomed_after(std::size_t steps) const { return is_trap() && steps >= report_.fatal_step; }
  /// Who acts in step `i`, as an index; tasks() for the scheduler, an interrupt, the world outside.
  std::size_t actor(std::size_t i) const {
    for (std::size_t no = 0; no < tasks(); ++no)
      if ((*this)[i].action.event == kernel::Event::run && (*this)[i].action.task == no) return no;
    return tasks();
  }
  /// The flags that step `i` sets on task `no`.
  std::vector<std::string> raised(std::size_t i, std::size_t no) const;
  /// True when step `i` takes task `no` out of its sleep.
  bool wakes(std::size_t i, std::size_t no) const;

 private:
  const CheckReport& report_;
  std::vector<const CheckStep*> steps_;
};

/// "exit_notify: find_child_reaper(): ..."; the function alone when there are no words.
std::string step_text(const CheckStep& step);

}  // namespace unzap
