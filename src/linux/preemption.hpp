// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "snapshot/preemption.hpp"

namespace unzap {

/// What sources say of a kernel's preemption; the readers below add to it, in any order.
struct PreemptionFacts {
  std::optional<Preemption> running;  ///< what is in force, as the kernel itself says
  std::optional<Preemption> booted;   ///< asked for on the command line; only a dynamic kernel heeds it
  std::optional<Preemption> built;    ///< chosen when it was built; of a dynamic kernel the default
  std::optional<bool> dynamic;        ///< CONFIG_PREEMPT_DYNAMIC: may be chosen at boot and in debugfs
  bool command_line_seen = false;
};

/// Where the model in force is known from.
enum class PreemptionSource { running, booted, built };

struct PreemptionInForce {
  Preemption model;
  PreemptionSource from;
};

/// The model in force, or nothing: PREEMPT_DYNAMIC alone states none, and a version string without a word of
/// preemption leaves none and voluntary open.
std::optional<PreemptionInForce> preemption_in_force(const PreemptionFacts& facts);

/// A version string (uname -v), or what follows the release in the banner of an oops.
/// init/Makefile, scripts/mkcompile_h: "PREEMPT", "PREEMPT_RT", since 5.18 "PREEMPT_DYNAMIC"; RT patches
/// before 5.3 have "PREEMPT RT". preempt_model_str() (kernel/sched/core.c), in banners since 6.15: "NONE",
/// "VOLUNTARY", "PREEMPT", "PREEMPTLAZY", "PREEMPT(voluntary)", "PREEMPT_RT", "PREEMPT_{RT,(full)}";
/// "PREEMPT(undef)" states nothing, for 6.15 writes it for none.
/// Not read: "Oops: 0000 [#1] PREEMPT SMP", which x86 writes for dynamic kernels, too.
void read_version(PreemptionFacts& facts, std::string_view version);

/// The kernel's command line: of several preempt= the last one that setup_preempt_mode() knows.
void read_command_line(PreemptionFacts& facts, std::string_view command_line);

/// "Dynamic Preempt: full" of the log (preempt_dynamic_init(), and each change). False: another line.
bool read_log_line(PreemptionFacts& facts, std::string_view line);

/// sched/preempt of debugfs, "none voluntary (full) lazy". False: something else.
bool read_debugfs(PreemptionFacts& facts, std::string_view sched_preempt);

/// A line of a config, "CONFIG_PREEMPT_VOLUNTARY=y". False: not one about preemption.
bool read_config_line(PreemptionFacts& facts, std::string_view line);

}  // namespace unzap
