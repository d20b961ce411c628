// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace unzap::kernel {

/// How the container's init starts to die.
enum class Ending : std::uint8_t {
  exit_group,  ///< its leader calls exit_group(2)
  exit,        ///< its leader calls exit(2): only this thread ends (pthread_exit)
  sigkill,     ///< SIGKILL from an ancestor pid namespace
  core_dump,   ///< its leader takes a signal that dumps core
  none,        ///< not by itself
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

/// What a task outside the container does once, before it looks after its children (again).
enum class OutsideAct : std::uint8_t {
  nothing,
  rcu_tasks,  ///< calls synchronize_rcu_tasks(): BPF, ftrace or kprobes are detached
  rmdir,      ///< removes the container's cgroup, once it holds no live task any more
  fork,       ///< forks the injected task into the container's pid namespace
};

/// A member of the pid namespace whose parent lies outside: setns(2) or unshare(2), then fork(2).
enum class Injected : std::uint8_t { none, zombie, sleeps };

enum class Freezer : std::uint8_t { none, v1, v2 };

/// What a check of the scenario should answer, on which kernel.
struct Expectation {
  std::string kernel;                      ///< a name of kernels()
  std::string preempt;                     ///< none, voluntary, full
  std::string verdict;                     ///< lockup, busy-wait, proved
  std::vector<std::string> with, without;  ///< switches that differ from the preset
};

/// Process trees, each in a pid and mount namespace of its own, and the machine they run on.
struct Scenario {
  std::string name;
  std::string summary;  ///< one line
  std::string story;    ///< some lines

  // [machine]
  std::uint8_t cpus = 2;
  bool balance = true;  ///< the load balancer may move a queued task to any CPU that it may use

  // [containers]
  std::uint8_t containers = 1;  ///< so many like the one that [init] and [child] describe

  // [bystander]
  std::uint8_t bystanders = 0;  ///< further containers, healthy, without io_uring
  std::string bystander_comm = "bystander";
  std::string bystander_child;  ///< name of its init's child; empty: none
  Ending bystander_ending = Ending::exit_group;
  bool nested =
      false;  ///< the others lie in the (first) bystander, made by its init; each bystander in the next

  // [init]
  std::string init_comm = "init";
  Ending ending = Ending::exit_group;

  // [init.io_uring]
  bool ring = false;       ///< the table is there: init uses io_uring
  bool in_thread = false;  ///< a second thread of init, not the leader, owns the ring and its workers
  bool sqpoll = false;     ///< the ring's SQPOLL thread, a thread of init, owns the workers
  std::vector<WorkerStart> workers;
  std::uint8_t bounded = 0;    ///< bounded requests queued for the workers (statx)
  std::uint8_t unbounded = 0;  ///< unbounded requests queued (read of a pipe)
  std::uint8_t hashed = 0;     ///< bounded requests queued that have one hash: writes to one file
  std::uint8_t chain = 1;      ///< requests of that hash in the hands of the worker that is `writing`
  std::vector<Link> links;     ///< requests linked, one after the other, to the one that a worker begins with
  bool hash_held_outside = false;  ///< another process that uses the ring executes a request of that hash
  std::uint8_t may_create = 0;     ///< so many workers may be made on demand
  bool bounded_blocks = false;     ///< the bounded requests block until a signal is pending
  bool armed_request = false;      ///< a poll or timeout request that stays armed
  bool shared_outside = false;     ///< a process outside holds the file of the ring too

  // [child]
  bool child = false;  ///< the table is there: another process of both namespaces, child of init
  std::string child_comm = "child";
  bool child_sqpoll = false;     ///< it has an SQPOLL thread
  bool child_subreaper = false;  ///< it has set PR_SET_CHILD_SUBREAPER; it reaps nobody
  std::string grandchild_comm;   ///< name of a child of it, which exits at any time; empty: none
  std::string orphan_comm;       ///< name of a child of that one, asleep; empty: none

  Freezer child_frozen = Freezer::none;  ///< the freezer has stopped it
  bool child_traced = false;             ///< a tracer outside holds it
  bool child_fuse = false;   ///< it has a file open on a FUSE mount, and inherited /dev/fuse from the server
  bool fuse_server = false;  ///< the server of that mount is a process of the namespaces too

  // [injected]
  Injected injected = Injected::none;
  std::string injected_comm = "exec";
  std::string injected_child;  ///< name of its child, in the namespace too; empty: none

  // [outside]
  std::string outside_comm = "shim";
  OutsideAct outside_act = OutsideAct::nothing;
  bool outside_subreaper = false;     ///< it has set PR_SET_CHILD_SUBREAPER
  bool outside_reaps_orphans = true;  ///< as such it reaps children that it did not fork
  bool outside_reaps = true;          ///< the parent outside reaps the injected task when it can

  // [environment]
  std::uint8_t outside_holders = 0;  ///< references to the mount namespace from outside, for ever
  std::uint8_t cgroup_migrations =
      0;                          ///< how often cgroup_threadgroup_rwsem may be held for writing for a while
  std::uint8_t livepatches = 0;   ///< how often a livepatch transition may signal every task
  std::uint8_t fake_signals = 0;  ///< how often a freezer may try to freeze every task, in vain
  std::uint8_t operator_kills = 0;  ///< how often somebody may send SIGKILL to any process of the containers
  std::uint8_t operator_terms = 0;  ///< and how often SIGTERM, for which nobody there has a handler
  bool tracer_detaches = false;
  bool thaws = false;
  bool fuse_abort = false;    ///< somebody may abort the FUSE connection
  bool hash_release = false;  ///< the process outside may be done with its request of the hash
  bool idle_timeouts = true;  ///< the 5 s of an idle worker may run out at any time

  /// Whether a worker may find work of a hash that is held, or let one go for which others wait.
  bool contends_for_hash() const;

  std::vector<Expectation> expectations;  ///< [[expect]]
};

/// Reads a scenario. Errors name file, line and column, what was wrong and what is allowed: bad_data for the
/// text, no_input for a missing file. `text` is TOML, in ASCII; `path` only names it.
Result<Scenario> parse_scenario(std::string_view text, const std::string& path);
Result<Scenario> load_scenario(const std::string& path);

}  // namespace unzap::kernel
