// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "snapshot/reading.hpp"
#include "snapshot/stack.hpp"
#include "util/fd.hpp"
#include "util/left_behind.hpp"

namespace unzap {

/// A task that runs, and the CPU that it is on: the numbers are those of this process's pid namespace.
struct ProfileTarget {
  std::int32_t tid = 0;
  std::int32_t cpu = 0;
};

/// Where a task that runs is in the kernel, by samples of its CPU: what /proc cannot show.
struct Profile {
  int kernel = 0;  ///< samples of it in the kernel
  int user = 0;    ///< samples of it in user mode
  Stack stack;     ///< the call chain that was seen most often
};

/// A short look at CPUs with perf_event: PERF_COUNT_SW_CPU_CLOCK, which every CPU has, opened for the CPU and
/// not for the task, because the latter may wait for an RCU grace period (see docs/kernel-facts/perf.md). A
/// process of its own does it, which is left behind when it does not answer.
class Profiler {
 public:
  /// Begins to sample the CPUs of the targets (the first k_most_cpus of them).
  void start(const std::vector<ProfileTarget>& targets);
  bool started() const { return process_.running(); }
  /// What was seen, waiting no longer than that; or why nothing can be. A task that did not run meanwhile is
  /// missing.
  Reading<std::map<std::int32_t, Profile>> collect(double seconds);

  static constexpr std::size_t k_most_cpus = 8;

 private:
  LeftBehind process_;
  Fd pipe_;
};

/// What the sampling process wrote, for Profiler::collect(): "E <errno>", or for each task "T <tid> <kernel>
/// <user>" and below it its frames, innermost first, as "F <function> <offset> <size> <module or ->".
Reading<std::map<std::int32_t, Profile>> parse_profiles(const std::string& text);

}  // namespace unzap
