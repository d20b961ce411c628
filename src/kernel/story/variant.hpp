// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace unzap::kernel {

/// CONFIG_PREEMPT_NONE, CONFIG_PREEMPT_VOLUNTARY, CONFIG_PREEMPT. `full` implies CONFIG_PREEMPT_RCU.
enum class Preempt : std::uint8_t { none, voluntary, full };
std::string_view name(Preempt preempt);
/// "none", "voluntary" or "full"; a usage error that lists them otherwise.
Result<Preempt> parse_preempt(std::string_view text);

/// One way in which kernels differ. A switch is a fact of the code, never a version number.
enum class Switch : std::uint8_t {
  fix_2024,
  fix_2026,
  get_signal_clears_notify,
  worker_flush_always_clears,
  notify_exiting_workers,
  exit_bit_per_item,
  worker_self_notify,
  notify_owner_to_create,
  notify_task_of_request,
  drop_signals_to_dying_group,
  second_loop_idle,
  worker_flag_kept,
  expedited_single_cpu_shortcut,
  preempt_count_quiescent,
  second_loop_leaves_tasks_rcu,
  second_loop_counts_leader,
  fork_checks_namespace,
  rmdir_drains_dying_tasks,
  freezer_trap_runs_task_work,
  fuse_flush_waits,
  dump_parks_before_io_uring,
  dump_leaves_out_user_workers,
  worker_does_not_dump,
  sqpoll_completions_notify,
  task_work_by_jobctl,
  subreaper_stays_in_namespace,
  count_
};

/// What a switch is called on the command line, and what it means.
struct SwitchInfo {
  std::string_view name;
  std::string_view text;  ///< one sentence, with function and commit where one is known
  bool fix = false;       ///< repairs a bug of the family, rather than a plain difference
};
const SwitchInfo& info(Switch one);
/// All of them, in their order.
std::vector<Switch> switches();
/// The fixes of the spin itself; the other fixes are of its relatives.
inline constexpr std::array k_spin_fixes = {Switch::fix_2024, Switch::fix_2026};

/// A set of switches.
class Variant {
 public:
  bool has(Switch one) const { return (bits_ >> static_cast<unsigned>(one) & 1U) != 0; }
  Variant& set(Switch one, bool on);
  bool operator==(const Variant&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

/// A named kernel: a preset of switches.
struct Kernel {
  std::string_view name;
  std::string_view text;
  Variant variant;
};

/// All presets, oldest first.
const std::vector<Kernel>& kernels();
/// The preset of that name; a usage error that lists the names otherwise.
Result<Kernel> find_kernel(std::string_view name);
/// The switch of that name; a usage error that lists the names otherwise.
Result<Switch> find_switch(std::string_view name);

}  // namespace unzap::kernel
