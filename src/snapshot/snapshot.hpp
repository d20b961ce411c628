// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "snapshot/kernel_event.hpp"
#include "snapshot/preemption.hpp"
#include "snapshot/reading.hpp"
#include "snapshot/task.hpp"
#include "snapshot/wait_fix.hpp"
#include "util/names.hpp"

namespace unzap {

/// Where a snapshot comes from; decides what its gaps mean.
enum class Origin : std::uint8_t { live, text, bundle, model };
constexpr auto names_of(Origin) {
  return name_table<Origin>(
      {{Origin::live, "live"}, {Origin::text, "text"}, {Origin::bundle, "bundle"}, {Origin::model, "model"}});
}

/// What, besides its code, decides what a spinning reaper does to a kernel, and what can be done about it.
/// Absent with not_in_this_kernel: neither its config nor its symbols tell.
struct KernelSetup {
  Reading<std::string> machine;             ///< "x86-64", "arm64", "another machine"
  Reading<bool> io_uring;                   ///< CONFIG_IO_URING
  Reading<std::int32_t> io_uring_disabled;  ///< kernel.io_uring_disabled, since 6.6: 0, 1 or 2
  Reading<bool> guard_loaded;               ///< the module unzap_guard
  Reading<bool> preempt_rcu;                ///< CONFIG_PREEMPT_RCU
  Reading<bool> preempt_count;              ///< CONFIG_PREEMPT_COUNT
  Reading<bool> modules;                    ///< CONFIG_MODULES
  Reading<bool> kprobes;                    ///< CONFIG_KPROBES
  Reading<bool> module_sig_force;           ///< CONFIG_MODULE_SIG_FORCE

  bool operator==(const KernelSetup&) const = default;
};

/// Facts about the machine and its kernel.
struct Host {
  Reading<std::string> name;
  Reading<std::string> kernel_release;  ///< uname -r
  Reading<std::string> kernel_version;  ///< uname -v
  Reading<std::int32_t> cpus;           ///< CPUs online
  Reading<Preemption> preemption;       ///< in force: linux/preemption.hpp says what states it

  // How often the kernel has reported such a thing since it was booted: also when the log has lost the
  // reports.
  Reading<std::uint64_t> hung_tasks;    ///< /proc/sys/kernel/hung_task_detect_count, since 6.13
  Reading<std::uint64_t> soft_lockups;  ///< /sys/kernel/softlockup_count, since 6.16
  Reading<std::uint64_t> hard_lockups;  ///< /sys/kernel/hardlockup_count, since 6.16
  Reading<std::uint64_t> rcu_stalls;    ///< /sys/kernel/rcu_stall_count, since 6.16

  /// Read from the kernel's code by those who need it: not_asked says nothing about the kernel. Not permitted
  /// without root; not_in_this_kernel: the code is not understood (or not x86-64).
  Reading<WaitFix> wait_fix;
  KernelSetup setup;  ///< read together with wait_fix

  bool operator==(const Host&) const = default;
};

/// A cgroup whose freezer was looked at.
struct CgroupState {
  std::string path;
  std::int32_t version = 2;    ///< 1 or 2
  Reading<bool> freeze_asked;  ///< v2 cgroup.freeze, v1 freezer.state FROZEN or FREEZING
  Reading<bool> frozen;        ///< v2 cgroup.events frozen, v1 freezer.state FROZEN
  std::string where;
  /// Whether this very cgroup was asked to freeze, and not only one above it: v2 cgroup.freeze, v1
  /// freezer.self_freezing.
  Reading<bool> self_freezing = {};

  bool operator==(const CgroupState&) const = default;
};

/// A part of the input that the source could not use.
struct Problem {
  std::string where;  ///< "capture.txt:17" or a file name
  std::string text;   ///< what was not understood, or what could not be read and why

  bool operator==(const Problem&) const = default;
};

/// What a kubelet or a runtime says of a container that does not end: that it is so, and not why.
struct Symptom {
  std::string text;       ///< the line
  std::string container;  ///< id, perhaps cut short, of the container or of its pod's sandbox; may be empty
  std::string pod;        ///< uid; may be empty
  std::string where;      ///< "kubelet.log:17"

  bool operator==(const Symptom&) const = default;
};

/// A host at one moment (or between two samples a short time apart). The only thing that diagnosis sees.
/// Plain values: equality and copying mean what they say, and nothing here does I/O.
struct Snapshot {
  Origin origin = Origin::text;
  Host host;
  std::vector<Task> tasks;          ///< all threads that are known, in the order of the source
  std::vector<KernelEvent> events;  ///< in the order of the log
  std::vector<CgroupState> cgroups;
  std::vector<Problem> problems;  ///< what was not understood or not permitted
  std::vector<Symptom> symptoms;  ///< in the order of the text
  /// False when the source shows only some of the host's tasks (a paste, an unprivileged view of /proc with
  /// hidepid): "no such task" then means nothing.
  bool all_tasks = false;

  bool operator==(const Snapshot&) const = default;
};

/// Look-ups over the tasks of a snapshot. Holds a reference: must not outlive it.
class TaskIndex {
 public:
  explicit TaskIndex(const Snapshot& snapshot);

  /// The task with this tid, or nullptr; of several, the first.
  const Task* by_tid(std::int32_t tid) const;
  /// True when another task with its number stands before this task of the snapshot: the other look-ups leave
  /// it out.
  bool is_copy(const Task& task) const;
  /// All tasks of a process, in the snapshot's order.
  std::vector<const Task*> of_process(std::int32_t tgid) const;
  /// All tasks whose ppid is this process.
  std::vector<const Task*> children_of(std::int32_t tgid) const;

 private:
  /// Sorted by number, and among equals in the snapshot's order.
  using Numbered = std::vector<std::pair<std::int32_t, const Task*>>;
  static std::vector<const Task*> values_of(const Numbered& index, std::int32_t number);

  Numbered by_tid_;
  Numbered by_tgid_;
  Numbered by_ppid_;
};

}  // namespace unzap
