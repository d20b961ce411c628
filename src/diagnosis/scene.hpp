// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/deadline.hpp"
#include "diagnosis/task_facts.hpp"
#include "diagnosis/wait_sites.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// Where a fact was seen, and the fact.
struct Proof {
  std::string source;
  std::string text;
};
Proof proof(const KernelEvent& event);
Proof proof(const Stack& stack, const Task& task);

/// A rule tells of no more jams than this.
inline constexpr std::size_t k_most_findings = 10'000;

/// Who is there, and where each one waits: the tasks of a snapshot with their stacks, how they are held, and
/// the reports that still stand. Who waits for whom is the graph's (build_graph.hpp). Holds references into
/// the snapshot and must not outlive it.
class Scene {
 public:
  explicit Scene(const Snapshot& snapshot, const Deadline& deadline = Deadline::never());
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const Snapshot& snapshot() const { return snapshot_; }
  /// The time for this diagnosis is up: whoever goes through many jams stops with the one at hand.
  bool out_of_time() const { return deadline_.passed(); }
  /// A rule that has this many findings stops: time is up, or nobody reads more.
  bool enough(std::size_t findings) const { return findings >= k_most_findings || out_of_time(); }
  const TaskIndex& index() const { return index_; }

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
  void add_reported(const KernelEvent& event);
  void add_wchan_stack(const Task& task);
  void place(const Task& task);

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
  std::vector<const Task*> rcu_waiters_;
  std::map<const Task*, const WaitSite*> sites_;
  std::multimap<std::string_view, const CgroupState*> cgroups_;  ///< by path
};

}  // namespace unzap
