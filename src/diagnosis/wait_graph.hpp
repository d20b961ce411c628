// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "diagnosis/deadline.hpp"
#include "diagnosis/link.hpp"
#include "diagnosis/party.hpp"
#include "diagnosis/task_facts.hpp"
#include "diagnosis/wait_sites.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// What can wait, or be waited for.
struct Node {
  NodeRef ref;
  const Task* task = nullptr;  ///< of a task node
};

/// Where a fact was seen, and the fact.
struct Proof {
  std::string source;
  std::string text;
};

/// `from` cannot come on before `to` does. The proofs are what was seen; `inferred` says that the edge itself
/// was not seen but follows from how the kernel works.
struct Edge {
  std::size_t from = 0;
  std::size_t to = 0;
  Reason reason;
  bool inferred = false;
  std::vector<Proof> proofs;
};

/// A dying init of a pid namespace: the thread that runs zap_pid_ns_processes(), as far as it is shown.
struct Reaper {
  const Task* task = nullptr;               ///< the thread in zap, or the best candidate; never null
  std::vector<const KernelEvent*> lockups;  ///< soft lockup and stall reports about this thread, or its CPU
  const Stack* stack = nullptr;             ///< the stack that shows zap, if any does
  ZapPlace place = ZapPlace::none;          ///< none: zap itself was not seen, only an exiting init
  bool running = false;                     ///< shown on a CPU inside the loop (report, or two looks)
  bool candidate = false;                   ///< an exiting thread of an init that sits on a CPU, no stack
  /// The inode of its pid namespace; nothing: not known.
  std::optional<std::uint64_t> pid_ns;
  /// The tasks of its pid namespace and of those below it that are known, the init's own threads left out:
  /// whoever has its inode in pid_ns_chain, and the children of members (a child is never further out than
  /// its parent: pidns_install() refuses to leave, kernel/pid_namespace.c). One whose chain says otherwise is
  /// none.
  std::vector<const Task*> members;
  std::vector<Proof> proofs;
};

/// Whether a task belongs to a pid namespace, and how that is known.
enum class Belongs : std::uint8_t {
  no,       ///< its chain of namespaces is known, and this one is not in it
  unknown,  ///< nothing tells
  proved,   ///< by inode, or as a descendant of a member
};

/// A rule tells of no more jams than this.
inline constexpr std::size_t k_most_findings = 10'000;

/// The wait-for graph of a snapshot. Built from the snapshot alone; holds references into it and must not
/// outlive it. Its size is linear in the snapshot: a node for each task that waits or is waited for, and one
/// for each thing they wait for.
class WaitGraph {
 public:
  /// Building stops, incomplete, when the time is up: then out_of_time() says so.
  explicit WaitGraph(const Snapshot& snapshot, const Deadline& deadline = Deadline::never());
  WaitGraph(const WaitGraph&) = delete;
  WaitGraph& operator=(const WaitGraph&) = delete;

  const Snapshot& snapshot() const { return snapshot_; }
  /// The time for this diagnosis is up: whoever goes through many jams stops with the one at hand.
  bool out_of_time() const { return deadline_.passed(); }
  /// A rule that has this many findings stops: time is up, or nobody reads more.
  bool enough(std::size_t findings) const { return findings >= k_most_findings || out_of_time(); }
  const TaskIndex& index() const { return index_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Edge>& edges() const { return edges_; }
  const std::vector<Reaper>& reapers() const { return reapers_; }

  std::optional<std::size_t> node_of(const Task& task) const;
  /// Edges that leave a node.
  std::vector<const Edge*> out(std::size_t node) const;
  /// Edges that come into a node.
  std::vector<const Edge*> into(std::size_t node) const;
  /// The edges of a shortest way from one node to another; empty when there is none or they are the same.
  std::vector<const Edge*> path(std::size_t from, std::size_t to) const;
  /// The same between two tasks; a task does not wait for itself here.
  std::vector<const Edge*> way(const Task& from, const Task& to) const;
  /// True when `from` waits for `to`, directly or through others.
  bool reaches(const Task& from, const Task& to) const { return !way(from, to).empty(); }
  /// The edges of a shortest cycle through this node; empty when it is on none.
  std::vector<const Edge*> cycle_through(std::size_t node) const;

  /// Every task of the snapshot, and those that only a kernel report names.
  const std::vector<const Task*>& tasks() const { return tasks_; }
  /// The task's stack, from its own files or from a report about it, else (in state D) its wchan as the only
  /// frame; null when no frame is known.
  const Stack* stack_of(const Task& task) const;
  /// hold() of the task, with the hung task reports of the log taken into account.
  Hold hold_of(const Task& task) const;
  /// A hung task report names it, and it has not moved on since.
  bool reported_hung(const Task& task) const { return task.tid && hung_tids_.count(*task.tid) > 0; }
  /// The reports of the log that still stand. On a live host whose tasks are all known, a report about a task
  /// that is gone, has another name, or has left the state it is about, is history.
  const std::vector<const KernelEvent*>& events() const { return events_; }
  /// The task with this number, also one that only a report names; null when there is none.
  const Task* task_numbered(std::int32_t tid) const;
  /// The task that a report names, or null when it names none.
  const Task* task_of(const KernelEvent& event) const;
  /// The task that a finding names, by number and, where that is known, by start time; null when there is
  /// none.
  const Task* task_of(const Party& party) const;
  /// Where this task waits, or null. Only for tasks whose hold_of() is not none.
  const WaitSite* site_of(const Task& task) const;
  /// The reaper whose namespace this task belongs to (the innermost), or whose thread it is; null when none
  /// is known.
  const Reaper* reaper_over(const Task& task) const;
  /// The reaper that this very thread is, or null.
  const Reaper* reaper_at(const Task& task) const;
  Belongs belongs(const Reaper& reaper, const Task& task) const;
  /// True when the reaper is shown waiting, not just passing: pasted, or unmoved for k_lasting_seconds.
  bool rests(const Reaper& reaper) const;
  /// The cgroup that is shown to have this task frozen, or null: its own, else the nearest above it. In v1 a
  /// frozen task is in state D wherever its stack is (since 6.1 a freezable sleep is turned into a frozen one
  /// in place); in v2 it sleeps or is stopped.
  const CgroupState* freezer_of(const Task& task) const;
  /// Of a cgroup that is frozen: the outermost one of its hierarchy, itself included, that was itself asked
  /// to freeze, for what stands below that one is frozen with it; `state` when none is known.
  const CgroupState& asked_to_freeze(const CgroupState& state) const;
  /// Tasks in an RCU wait.
  const std::vector<const Task*>& rcu_waiters() const { return rcu_waiters_; }

 private:
  bool stands(const KernelEvent& event) const;
  void collect_tasks();
  std::size_t add(NodeRef ref, const Task* task = nullptr);
  /// The node of something that is neither a task nor a CPU; it is added when there is none yet.
  std::size_t thing_node(const NodeRef& ref);
  std::size_t task_node(const Task& task);
  std::size_t cpu_node(std::int32_t cpu);
  std::size_t rcu_node();
  void connect(std::size_t from, std::size_t to, Reason reason, std::vector<Proof> proofs,
               bool inferred = false);

  void find_reapers();
  void find_members();
  void find_descendants(Reaper& reaper, std::set<const Task*>& seen) const;
  Reaper& reaper_of(const Task& task);
  void index_cgroups();
  void attach_reports();
  void add_reaper_edges();
  void add_site_edges();
  void add_freezer_edges();
  void add_rcu_holders();
  void add_process_edges();
  void add_io_worker_edges();

  const Snapshot& snapshot_;
  const Deadline deadline_;
  TaskIndex index_;
  std::deque<Task> reported_;  ///< tasks that only a report names; a deque, because others point into it
  std::vector<const Task*> tasks_;
  std::vector<const KernelEvent*> events_;
  std::set<std::int32_t> hung_tids_;
  std::map<std::int32_t, const KernelEvent*> report_stacks_;
  std::map<std::int32_t, const Task*> reported_by_tid_;
  std::map<const Task*, Stack> wchan_stacks_;  ///< of D tasks of which only the innermost function is known
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<std::vector<std::size_t>> out_;  ///< edge numbers by node
  std::vector<std::vector<std::size_t>> in_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> edge_between_;
  std::vector<Reaper> reapers_;
  std::vector<const Task*> rcu_waiters_;
  std::map<const Task*, std::size_t> task_nodes_;
  std::map<const Task*, const WaitSite*> sites_;
  std::map<const Task*, std::size_t> reaper_numbers_;    ///< by the thread that reaps
  std::map<std::int32_t, std::size_t> reaping_process_;  ///< by its process: the first such thread
  std::map<const Task*, std::size_t> reaper_of_member_;
  std::multimap<std::string_view, const CgroupState*> cgroups_;  ///< by path
  std::map<std::int32_t, std::size_t> cpu_nodes_;
  std::map<NodeRef, std::size_t> thing_nodes_;
  std::optional<std::size_t> rcu_node_;
};

}  // namespace unzap
