// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/reading.hpp"
#include "snapshot/stack.hpp"

namespace unzap {

/// What a task is: a bare pid may be a different task by the time one looks again.
struct TaskId {
  std::int32_t tid = 0;
  std::uint64_t start_ticks = 0;  ///< field 22 of /proc/<pid>/stat: clock ticks after boot

  bool operator==(const TaskId&) const = default;
};

/// The counters of one look at a task, for rates between two looks.
struct TaskSample {
  double at_seconds = 0;            ///< monotonic time of the look; only differences mean anything
  char state = '?';                 ///< state letter of this look
  std::uint64_t utime_ticks = 0;    ///< clock ticks in user mode (stat field 14)
  std::uint64_t stime_ticks = 0;    ///< clock ticks in the kernel (stat field 15)
  Reading<std::uint64_t> switches;  ///< voluntary + nonvoluntary context switches (status)

  bool operator==(const TaskSample&) const = default;
};

/// Bits of stat field 9, include/linux/sched.h. Stable from 5.10 to 6.12 unless said otherwise.
inline constexpr std::uint64_t k_pf_exiting = 0x4;
inline constexpr std::uint64_t k_pf_io_worker = 0x10;
inline constexpr std::uint64_t k_pf_kthread = 0x200000;

/// Bit of `signal` in a mask of /proc/<pid>/status.
constexpr std::uint64_t signal_bit(int signal) {
  return std::uint64_t{1} << (signal - 1);
}

/// One thread. A process is the set of tasks with one tgid; its leader has tid == tgid.
/// Every field comes from one source or says why it is missing.
struct Task {
  Reading<std::int32_t> tid;   ///< as the host's pid namespace numbers it; absent for an unnamed stack
  Reading<std::int32_t> tgid;  ///< the process
  Reading<std::int32_t> ppid;  ///< tgid of real_parent; 0 when it lies outside the reader's pid namespace
  Reading<std::uint64_t> start_ticks;
  Reading<std::string> comm;        ///< at most 15 bytes from the kernel; ps may show a command line instead
  Reading<char> state;              ///< R S D T t Z X I, as stat, status, ps or a report shows it
  Reading<std::uint64_t> flags;     ///< PF_* (k_pf_exiting ...)
  Reading<std::int32_t> processor;  ///< the CPU it is or was last on
  Reading<std::int32_t> threads;    ///< status Threads: of its process
  Reading<bool> multi_threaded;     ///< 'l' in ps STAT
  Reading<bool> has_mm;             ///< false: past exit_mm (no Vm lines in status), or a kernel thread
  Reading<double> cpu_percent;      ///< %CPU of ps: over the life of the process, not now
  Reading<std::string> wchan;
  Reading<std::string> syscall;                ///< the file's text: "running", or number and arguments
  Reading<Stack> stack;                        ///< the best one known
  Reading<std::vector<std::int32_t>> ns_pids;  ///< NSpid: its number in each pid namespace, outermost first
  Reading<std::uint64_t> pid_ns;               ///< inode of ns/pid; a zombie still has it
  /// Inodes of its pid namespace and of those above it, its own first and the reader's last: NS_GET_PARENT,
  /// ioctl_ns(2). What proves whose member a task is.
  Reading<std::vector<std::uint64_t>> pid_ns_chain;
  Reading<std::uint64_t> mnt_ns;           ///< inode of ns/mnt: gone once past exit_task_namespaces
  Reading<std::int32_t> tracer_pid;        ///< 0: not traced
  Reading<std::uint64_t> pending_private;  ///< SigPnd
  Reading<std::uint64_t> pending_shared;   ///< ShdPnd
  Reading<std::uint64_t> blocked;          ///< SigBlk
  Reading<std::uint64_t> ignored;          ///< SigIgn
  Reading<bool> core_dumping;              ///< status CoreDumping
  Reading<std::string> cgroup;             ///< path in the unified or the name=systemd/freezer hierarchy
  Reading<std::string> container;          ///< container id found in the cgroup path
  /// The folder that a container runtime's own process works in (its cwd link); asked of those only.
  Reading<std::string> work_dir;
  /// The file system of the file that its system call is about, of tasks in D: "/data xfs 7:0 /dev/loop0",
  /// that is where its container sees it mounted, the type, the device number and the source, as mountinfo
  /// writes them.
  Reading<std::string> file_system;
  /// The file of its /proc folder ("stack") whose read did not come back; not asked: none blocked.
  Reading<std::string> blocked_read;
  /// Open files of its process that are rings of io_uring, those of inherited descriptors included; read of
  /// the leaders of processes in containers only. Whether a thread is io_uring's own its flags say.
  Reading<std::int32_t> rings;
  Reading<double> blocked_seconds;  ///< "blocked for more than N seconds" of a hung task report
  std::vector<TaskSample> samples;  ///< in time order; two or more give rates
  std::string where;                ///< for evidence: "/proc/306207" or "capture.txt:52"

  /// The identity, when both parts are known.
  std::optional<TaskId> id() const;
  /// True when it is known to be the leader of its process.
  bool is_leader() const;
  /// "npm start[306207]", or what is known of that.
  std::string label() const;

  bool operator==(const Task&) const = default;
};

/// How a task used its CPU between its first and its last sample.
struct TaskRate {
  double seconds = 0;               ///< length of the window
  double user_percent = 0;          ///< of one CPU
  double system_percent = 0;        ///< of one CPU
  Reading<std::uint64_t> switches;  ///< context switches in the window
};

/// The rate, or nothing when there are no two samples at different times.
/// `ticks_per_second` is the host's USER_HZ (100 on every Linux of interest).
std::optional<TaskRate> rate(const Task& task, double ticks_per_second = 100);

}  // namespace unzap
