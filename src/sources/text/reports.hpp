// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "snapshot/snapshot.hpp"

namespace unzap::text {

/// The first line of a kernel report.
struct ReportHead {
  EventKind kind = EventKind::other;
  Reading<double> seconds;         ///< "stuck for 212s", "blocked for more than 120 seconds"
  std::vector<std::int32_t> cpus;  ///< named as stuck or stalled
  Reading<std::int32_t> tid;
  std::string_view comm;  ///< empty: not named
};

/// The head line of a report of the kinds that EventKind lists, or nothing.
std::optional<ReportHead> parse_report_head(std::string_view text);

/// CPUs and tasks of an RCU stall: "{ 0-...! P1234 }", "13-....: (20997 ticks this GP)".
struct StallList {
  std::vector<std::int32_t> cpus;
  std::vector<std::int32_t> tids;
};
StallList parse_stall_list(std::string_view text);

/// "task:X state:D stack:0 pid:1 tgid:1 ppid:0 flags:0x0" and the older tabular form.
struct TaskLine {
  std::string_view comm;
  char state = '?';
  std::int32_t tid = 0;
  Reading<std::int32_t> tgid;
  Reading<std::int32_t> ppid;
  Reading<std::uint64_t> task_flags;  ///< PF_*: only kernels that print task_flags
};
std::optional<TaskLine> parse_task_line(std::string_view text);

/// "CPU: 0 PID: 306207 Comm: npm start Tainted: G  L  5.15.0-107-generic #117-Ubuntu", "Pid: 7, comm: sh Not
/// tainted 2.6.32", and the head of a backtrace by crash: "PID: 7  TASK: ffff8800  CPU: 3  COMMAND: \"sh\"".
struct CpuLine {
  Reading<std::int32_t> cpu;  ///< absent in kernels of the 2.6 time
  std::int32_t tid = 0;
  std::string_view comm;
};
std::optional<CpuLine> parse_cpu_line(std::string_view text);

/// What "Not tainted 6.1.0 #1 SMP", "Linux version ..", "Linux host 5.15.0 #1 .." say of the kernel.
struct KernelName {
  std::string_view host;
  std::string_view release;
  std::string_view version;
};
std::optional<KernelName> parse_taint(std::string_view text);
std::optional<KernelName> parse_kernel_name(std::string_view text);

}  // namespace unzap::text
