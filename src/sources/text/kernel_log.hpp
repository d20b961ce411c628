// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "sources/text/builder.hpp"
#include "sources/text/lines.hpp"
#include "sources/text/reports.hpp"
#include "sources/text/stacks.hpp"

namespace unzap::text {

/// Reads the lines of kernel reports other than frames, and tells `stacks` whose frames come next.
class KernelLog {
 public:
  KernelLog(Builder& builder, Stacks& stacks) : builder_(builder), stacks_(stacks) {}

  /// False when the line is not part of a report.
  bool take(const Line& line);
  /// Other text begins: what follows belongs to no report.
  void leave();
  /// A report is open and this line stands near enough to belong to it (registers, modules).
  bool covers(const Line& line) const;
  /// Says which report broke off at the end of the text.
  void finish();

 private:
  void begin(const ReportHead& head, const Line& line);
  void begin_unnamed();
  bool take_inner(const Line& line);
  bool take_cpu_line(const Line& line);
  bool take_task_line(const Line& line);
  bool take_stall_detail(std::string_view text);
  bool take_instruction_pointer(std::string_view text, std::size_t line);
  void name_task(KernelEvent& event, std::int32_t tid, std::string_view comm);
  bool is_rcu() const;

  Builder& builder_;
  Stacks& stacks_;
  bool in_report_ = false;
  EventKind kind_ = EventKind::other;
  EventRef event_ = k_none;
  std::size_t head_line_ = 0;
  std::size_t last_line_ = 0;
  Reading<std::int32_t> nmi_cpu_;  ///< an "NMI backtrace for cpu N" is open
  bool expects_trace_ = false;     ///< a lockup or hung task whose trace has not come yet
};

/// Takes what a line says of the machine's kernel ("Linux version ..", uname -a, "Dynamic Preempt: full").
bool take_host_fact(Builder& builder, std::string_view text);

}  // namespace unzap::text
