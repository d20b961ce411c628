// SPDX-License-Identifier: Apache-2.0
#pragma once

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

  /// The new number of a task; what is no task of the scenario stays.
  TaskNo operator()(TaskNo no) const { return no < task.size() ? task[no] : no; }
};

/// What may change places without a difference that anybody in the model could see.
///
///  - CPUs. A run queue, a mask of allowed CPUs and what RCU awaits move along.
///  - Containers that are made alike (Container::alike), with all that is in them.
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
