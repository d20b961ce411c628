// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "util/names.hpp"

namespace unzap {

/// One line of a kernel stack. Only the order of functions is portable between builds: the compiler inlines
/// some functions and turns others' last call into a jump, and both leave no frame.
struct Frame {
  std::string function;      ///< without ".cold", ".part.N", ".isra.N", ".constprop.N" suffixes
  std::uint64_t offset = 0;  ///< bytes into the function; 0 together with size 0 means not known
  std::uint64_t size = 0;    ///< bytes of the function
  std::string module;        ///< "nfs" in "nfs_file_flush+0x1/0x2 [nfs]"; empty: core kernel
  bool guess = false;        ///< "? f+0x1/0x2": found on the stack, perhaps stale; no proof of anything
  bool interrupt = false;    ///< between <IRQ> and </IRQ>, or <NMI>: not what the task was doing

  bool operator==(const Frame&) const = default;
};

/// Where a stack was taken.
enum class StackOrigin : std::uint8_t {
  proc_stack,   ///< /proc/<pid>/stack: the task was off the CPU
  hung_task,    ///< khungtaskd's report
  soft_lockup,  ///< watchdog report: the task was running
  rcu_stall,    ///< RCU CPU stall report, or the NMI backtrace that belongs to one
  sysrq,        ///< "Show State", sysrq-t/w/l
  oops,         ///< BUG, WARNING, KASAN ...
  perf,         ///< a perf_event sample of a running task
  model,        ///< drawn from a state of the kernel model
  unknown,
};

/// "proc_stack", "hung_task", ...
constexpr auto names_of(StackOrigin) {
  return name_table<StackOrigin>({{StackOrigin::proc_stack, "proc_stack"},
                                  {StackOrigin::hung_task, "hung_task"},
                                  {StackOrigin::soft_lockup, "soft_lockup"},
                                  {StackOrigin::rcu_stall, "rcu_stall"},
                                  {StackOrigin::sysrq, "sysrq"},
                                  {StackOrigin::oops, "oops"},
                                  {StackOrigin::perf, "perf"},
                                  {StackOrigin::model, "model"},
                                  {StackOrigin::unknown, "unknown"}});
}

/// Innermost frame first, as the kernel prints it.
struct Stack {
  std::vector<Frame> frames;
  StackOrigin origin = StackOrigin::unknown;
  std::string where;  ///< for evidence: "/proc/308312/stack" or "capture.txt:68"

  /// True when a frame that is neither a guess nor in an interrupt is `function`.
  bool has(std::string_view function) const;
  /// True when all of these stand in the stack in this order, innermost first, with anything between them.
  bool has_in_order(std::initializer_list<std::string_view> functions) const;
  /// The first of `functions` that the stack has, or empty.
  std::string_view first_of(std::initializer_list<std::string_view> functions) const;
  /// The innermost frame that is neither a guess nor in an interrupt nor part of going to sleep (schedule,
  /// __schedule, schedule_timeout, io_schedule, ...); empty when there is none.
  std::string_view top() const;

  bool operator==(const Stack&) const = default;
};

/// `symbol` without the suffixes that compilers append (".cold", ".part.0", ".isra.0", ".constprop.0",
/// ".llvm.1").
std::string_view plain_symbol(std::string_view symbol);

}  // namespace unzap
