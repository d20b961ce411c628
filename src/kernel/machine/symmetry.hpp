// SPDX-License-Identifier: Apache-2.0
#pragma once

// States that differ in names only, and why one of them may stand for all.
//
// The problem. Two CPUs are alike. For every state in which the reaper spins on CPU 0 and CPU 1 is idle there
// is one with the CPUs exchanged, and whatever can happen in the one can happen in the other. A search that
// does not know that does everything twice; with three like containers besides, twelve times.
//
// The idea. Of all states that are the same but for names (an orbit) let the search keep one, its
// representative: rename each state that a step leads to before it is looked up. What was seen under one name
// has been seen under all.
//
// An example. Task 0 runs on CPU 1, CPU 0 is idle, and RCU waits for CPU 1:
//
//     current = [-, 0]   tasks[0].cpu = 1   rcu.mask = 0b10
//
// CPUs are put in order by the tasks that may run there, then by who runs, then by their flags, and idle
// comes last. So CPU 1 becomes CPU 0, everywhere:
//
//     current = [0, -]   tasks[0].cpu = 0   rcu.mask = 0b01
//
// Why it is right. A renaming r is a symmetry of the machine if a step from s to t implies a step from r(s)
// to r(t), by the renamed action, where r(t) is a goal when t is, and the step is busy when the other is.
// Then any way from s, step by step, has its mirror image from r(s), and comes to a goal if and only if that
// does. So "no schedule leads from here to a goal" is true of the whole orbit or of none of it, and asking
// one is enough. A terminal component of the smaller graph is the image of terminal components of the large
// one, so traps are found, and only traps. A busy wait is a cycle of one actor; under new names one round may
// lead from a state to its mirror image, and the actor may be called differently there. Label::becomes says
// how, and busy_wait.cpp follows it until a state comes again under its own name.
//
// What decides is that nothing in the machine tells the things apart that are exchanged, but their number:
//
//   - every number that a state holds must be renamed: State (state.hpp) lists where numbers are kept, and
//     renamed() handles each. One forgotten would make two states that are not mirror images look the same.
//   - no step may depend on which number is the smaller one. CPUs are never compared. Tasks are: threads of a
//     group have an order, which find_alive_thread() and io_wq_exit_workers() see. So workers of one queue
//     are exchanged only when they and their owner have PF_EXITING and nobody walks that list any more.
//
// What does not decide is whether the representative is the best one. canonicalise() sorts, by keys that
// leave some differences out, and now and then picks two representatives for one orbit. Then both are kept,
// and both are states that the machine can be in: the search is larger than need be, and still right.
//
// Tests take the states of every scenario, draw symmetries at random, and compare the successors one by one
// (reductions_test.cpp). A counterexample is never shown in this form: the path is led once more through the
// machine itself, under its own names.
//
// What it saves. npm-zombie has two like CPUs: 7,564 states become 4,742. It is not half, because some states
// are their own mirror image, and of others the mirror image cannot be reached. Four containers in two kinds:
// 57.9 million become 8.1 million (docs/performance.md).

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

/// A change of names: tasks of like containers change places, and so do CPUs.
struct Renaming {
  std::array<TaskNo, k_max_tasks> task;
  std::array<std::uint8_t, k_max_cpus> cpu;
  std::array<std::uint8_t, k_max_containers> container;

  /// The new number of a task; what is not a task of the scenario stays.
  TaskNo operator()(TaskNo no) const { return no < task.size() ? task[no] : no; }
};

/// What may change places without a difference that anybody in the model could see:
///
///  - CPUs. A run queue, a mask of allowed CPUs and what RCU awaits move along.
///  - Containers that are made alike (Container::alike), with all that is in them; none inside another one.
///  - io-wq workers of one io_wq and one account once they and their owner have set PF_EXITING. Before that
///    their place in the thread list tells them apart: io_wq_exit_workers() walks it, and find_alive_thread()
///    takes the first that is alive.
class Symmetry {
 public:
  explicit Symmetry(const Config& config);

  /// Whether anything but the CPUs can ever change places.
  bool renames_tasks() const { return !workers_.empty() || containers_.size() > 0; }
  /// How many like things there are: CPUs, containers of the largest kind, workers of the largest account.
  std::array<std::size_t, 3> sizes() const { return sizes_; }

  /// Replaces `s` by the representative of its orbit.
  Renaming canonicalise(const Config& c, State& s) const;
  /// Some renaming that is a symmetry of `s`, drawn by `seed`.
  Renaming any(const Config& c, const State& s, std::uint32_t seed) const;

 private:
  std::vector<std::vector<TaskNo>> workers_;           // of one io_wq and account, two or more
  std::vector<std::vector<std::uint8_t>> containers_;  // like each other, two or more
  std::vector<std::vector<TaskNo>> members_;           // tasks of each container
  std::array<std::size_t, 3> sizes_{};
};

/// `s` with everything under its new name.
State renamed(const Config& c, const State& s, const Renaming& to);

/// Nothing changes its name.
Renaming identity();

}  // namespace unzap::kernel
