// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace unzap::kernel {

/// How a thread starts to die by itself, at any time.
enum class Ending : std::uint8_t {
  exit_group,  ///< it calls exit_group(2)
  exit,        ///< it calls exit(2): only this thread ends (pthread_exit)
  sigkill,     ///< SIGKILL to its process from an ancestor pid namespace; for a leader only
  core_dump,   ///< it takes a signal that dumps core
  none,        ///< not by itself: it sleeps until others kill it
};

/// Where an io-wq worker is when the story begins.
enum class WorkerStart : std::uint8_t {
  idle,           ///< of the bounded account; asleep for want of work, or just woken if there is some
  created,        ///< of the bounded account; made, and has not run yet
  reading,        ///< of the unbounded account; executes a read and sleeps in it
  about_to_read,  ///< the same, but it has only just taken the read
  dumping,        ///< of the bounded account; has taken a signal that dumps core, since a tracer unblocked it
  writing,        ///< of the bounded account; holds the hash, and is about to execute a request that has it
};

/// A request that waits for the one before it in its link.
enum class Link : std::uint8_t { bounded, unbounded, hashed };
inline constexpr std::size_t k_max_links = 3;  // Wq::links_left

/// What a task outside the containers does once, before it looks after its children (again).
enum class OutsideAct : std::uint8_t {
  nothing,
  rcu_tasks,  ///< calls synchronize_rcu_tasks(): BPF, ftrace or kprobes are detached
  rmdir,      ///< removes the first container's cgroup, once it holds no live task any more
  fork,       ///< forks the process that is `unborn`
};

/// A process when the story begins.
enum class ProcessStart : std::uint8_t {
  alive,
  zombie,  ///< dead, with one thread; its parent has been told
  unborn,  ///< still to be forked by the task outside
};

enum class Freezer : std::uint8_t { none, v1, v2 };

/// Where something stands in a scenario's file; line 0: the scenario is from no file.
struct Place {
  std::size_t line = 0, column = 0;
};

/// What a check of the scenario should answer, on which kernel.
struct Expectation {
  std::string kernel;                      ///< a name of kernels()
  std::string preempt;                     ///< none, voluntary, full
  std::string verdict;                     ///< lockup, busy-wait, proved
  std::vector<std::string> with, without;  ///< switches that differ from the preset
};

/// The io_uring of a process: its ring, the io_wq of the thread that submits, and what lies in both.
struct RingSpec {
  std::string thread;   ///< name of the thread that submits and owns the io_wq; empty: the leader
  bool sqpoll = false;  ///< it is the ring's SQPOLL thread
  bool io_wq = true;    ///< false: its io_wq never has anything to do, and is left out of the model
  std::vector<WorkerStart> workers;
  std::uint8_t may_create = 0;  ///< workers that may be made on demand
  std::uint8_t bounded = 0;     ///< bounded requests queued for the workers (statx)
  std::uint8_t unbounded = 0;   ///< unbounded requests queued (read of a pipe)
  std::uint8_t hashed = 0;      ///< bounded requests queued that have one hash: writes to one file
  std::uint8_t chain = 1;       ///< requests of that hash in the hands of the worker that is `writing`
  std::vector<Link> links;  ///< requests linked, one after the other, to the one that a worker begins with
  bool hash_held_outside = false;  ///< another process that uses the ring executes a request of that hash
  bool bounded_blocks = false;     ///< the bounded requests block until a signal is pending
  bool armed = false;              ///< a poll or timeout request that stays armed
  bool shared_outside = false;     ///< a process outside holds the file of the ring too

  bool begin_as(WorkerStart start) const;
  /// Whether a worker may find work of a hash that is held, or let one go for which others wait.
  bool contends_for_hash() const;
  bool operator==(const RingSpec&) const = default;
};

/// A thread of a process besides its leader and those of io_uring.
struct ThreadSpec {
  std::string name;
  Ending ends = Ending::none;
};

/// Whose child a process is: a number in Scenario::processes, or one of these.
inline constexpr std::size_t k_by_default = static_cast<std::size_t>(-1);
inline constexpr std::size_t k_by_outside = static_cast<std::size_t>(-2);

/// A process. The first one of a container is its init, pid 1 of its pid namespace.
struct ProcessSpec {
  std::string name;           ///< comm
  std::size_t container = 0;  ///< a number in Scenario::containers
  /// k_by_default: a child of its container's init, and an init one of the init of the container around it,
  /// else of a task outside. A parent outside the container has forked it after setns(2) or unshare(2): it
  /// is a member of the pid namespace, not of the mount namespace.
  std::size_t parent = k_by_default;
  ProcessStart starts = ProcessStart::alive;
  Ending ends = Ending::none;       ///< of its leader
  std::vector<ThreadSpec> threads;  ///< asleep in a system call, unless they end
  std::optional<RingSpec> ring;     ///< it uses io_uring
  Freezer frozen = Freezer::none;   ///< its leader and `threads` are stopped by the freezer
  bool traced = false;              ///< a tracer outside holds its leader
  bool subreaper = false;           ///< it has set PR_SET_CHILD_SUBREAPER; it reaps nobody
  bool fuse_file = false;           ///< has a file open on a FUSE mount
  bool fuse_dev = false;            ///< has /dev/fuse of that mount open, as its server does
  Place at;
};

/// A container: a pid and a mount namespace of its own.
struct ContainerSpec {
  std::string name;
  std::size_t inside = k_by_default;  ///< the container in whose pid namespace its own was made
  std::uint8_t count = 1;             ///< this many, made alike
  std::uint8_t outside_holders = 0;   ///< references to its mount namespace from outside, forever
  Place at;
};

/// The task outside the containers: parent of the processes whose parent lies outside, apart from inits.
struct OutsideSpec {
  std::string name = "shim";
  OutsideAct act = OutsideAct::nothing;
  bool subreaper = false;     ///< it has set PR_SET_CHILD_SUBREAPER
  bool reaps = true;          ///< it reaps what it forked, when it can
  bool reaps_orphans = true;  ///< as a subreaper it also reaps children that it did not fork
  Place at;
};

/// What else may happen.
struct EnvironmentSpec {
  std::uint8_t cgroup_migrations = 0;  ///< how often cgroup_threadgroup_rwsem may be held for writing a while
  std::uint8_t livepatches = 0;        ///< how often a livepatch transition may signal every task
  std::uint8_t fake_signals = 0;       ///< how often a freezer may try to freeze every task, in vain
  std::uint8_t operator_kills = 0;  ///< how often somebody may send SIGKILL to any process of the containers
  std::uint8_t operator_terms = 0;  ///< and how often SIGTERM, for which nobody there has a handler
  bool tracer_detaches = false;
  bool thaws = false;
  bool fuse_abort = false;    ///< somebody may abort the FUSE connection
  bool hash_release = false;  ///< the process outside may be done with its request of the hash
  bool idle_timeouts = true;  ///< the 5 s of an idle worker may run out at any time
  Place at;
};

/// Containers and their processes, and the machine they run on. Tasks are made container by container, and
/// in each in the order of the list: their order is that of for_each_thread().
struct Scenario {
  std::string name;
  std::string summary;  ///< one line
  std::string story;    ///< some lines

  std::uint8_t cpus = 2;
  bool balance = true;  ///< the load balancer may move a queued task to any CPU that it may use

  std::vector<ContainerSpec> containers = {{}};  ///< the first one's init is on a CPU when the story begins
  std::vector<ProcessSpec> processes;
  OutsideSpec outside;
  EnvironmentSpec environment;

  std::vector<Expectation> expectations;  ///< [[expect]]
  std::vector<std::string> hints;  ///< about old keys in the file, each with its place and what to write

  /// The number of the container's first process.
  std::size_t init_of(std::size_t container) const;
};

/// Reads a scenario. Errors name file, line and column, what was wrong and what is allowed: bad_data for the
/// text, no_input for a missing file. `text` is TOML, in ASCII; `path` only names it.
Result<Scenario> parse_scenario(std::string_view text, const std::string& path);
Result<Scenario> load_scenario(const std::string& path);

}  // namespace unzap::kernel
