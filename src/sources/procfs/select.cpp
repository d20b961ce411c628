// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/select.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "snapshot/container.hpp"

namespace unzap {
namespace {

constexpr double k_busy_percent = 50;
/// A parent with more threads than this is looked at in its leader and its stuck threads only.
constexpr std::size_t k_max_threads_of_parent = 32;
constexpr std::uint64_t k_start_slack_ticks = 100;

bool is_zombie(const Task& task) {
  return task.state.is('Z') || task.state.is('X');
}

bool is_exiting(const Task& task) {
  return (task.flags.value_or(0) & k_pf_exiting) != 0;
}

/// Told to go and not yet on its way out.
bool is_killed(const Task& task) {
  return (task.pending_private.value_or(0) & signal_bit(SIGKILL)) != 0;
}

/// The init of a pid namespace below that of the procfs, and on its way out.
bool is_dying_init(const Task& task) {
  const bool nested_init = task.ns_pids && task.ns_pids->size() >= 2 && task.ns_pids->back() == 1;
  return nested_init && task.tgid && (is_exiting(task) || is_zombie(task));
}

bool stands_out(const Task& task) {
  const char state = task.state.value_or('?');
  return state == 'D' || state == 'Z' || state == 'X' || state == 't' || state == 'T' || is_exiting(task) ||
         is_killed(task);
}

/// Places of tasks by one of their numbers.
class Groups {
 public:
  Groups(const std::vector<Task>& tasks, Reading<std::int32_t> Task::*field) {
    places_.reserve(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i)
      if (tasks[i].*field) places_.emplace_back(*(tasks[i].*field), i);
    if (!std::is_sorted(places_.begin(), places_.end())) std::sort(places_.begin(), places_.end());
  }

  /// Those with this number, in order.
  std::vector<std::size_t> of(std::int32_t number) const {
    std::vector<std::size_t> out;
    for (auto at = std::lower_bound(places_.begin(), places_.end(), std::pair(number, std::size_t{0}));
         at != places_.end() && at->first == number; ++at)
      out.push_back(at->second);
    return out;
  }

 private:
  std::vector<std::pair<std::int32_t, std::size_t>> places_;
};

}  // namespace

std::set<std::size_t> tasks_that_matter(const std::vector<Task>& tasks) {
  std::set<std::size_t> chosen;
  if (std::none_of(tasks.begin(), tasks.end(), stands_out)) return chosen;
  const Groups by_tgid(tasks, &Task::tgid);
  const Groups by_ppid(tasks, &Task::ppid);
  const auto choose_process = [&](std::int32_t tgid) {
    const std::vector<std::size_t> threads = by_tgid.of(tgid);
    const bool large = threads.size() > k_max_threads_of_parent;
    for (const std::size_t i : threads)
      if (!large || tasks[i].is_leader()) chosen.insert(i);
  };
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Task& task = tasks[i];
    if (!stands_out(task)) continue;
    chosen.insert(i);
    // A kernel thread in D, or a stopped task, is not a reason to look at its family.
    if (!is_exiting(task) && !is_zombie(task) && !is_killed(task)) continue;
    if (task.ppid && *task.ppid > 0) choose_process(*task.ppid);
    if (!task.tgid) continue;
    choose_process(*task.tgid);
    for (const std::size_t child : by_ppid.of(*task.tgid)) chosen.insert(child);
  }
  return chosen;
}

std::set<std::size_t> members_of_dying(const std::vector<Task>& tasks, const std::set<std::size_t>& known) {
  std::vector<std::int32_t> open;
  std::set<std::int32_t> seen;
  for (const Task& task : tasks) {
    if (is_dying_init(task) && seen.insert(*task.tgid).second) open.push_back(*task.tgid);
  }
  std::set<std::size_t> members;
  if (open.empty()) return members;
  const Groups by_ppid(tasks, &Task::ppid);
  while (!open.empty()) {
    const std::vector<std::size_t> children = by_ppid.of(open.back());
    open.pop_back();
    for (const std::size_t i : children) {
      if (!known.contains(i)) members.insert(i);
      const Task& child = tasks[i];
      if (child.tgid && seen.insert(*child.tgid).second) open.push_back(*child.tgid);
    }
  }
  return members;
}

DyingNamespaces dying_namespaces(const std::vector<Task>& tasks) {
  DyingNamespaces out;
  for (const Task& task : tasks) {
    if (!is_dying_init(task) || !task.pid_ns) continue;
    out.inodes.insert(*task.pid_ns);
    out.first_start = std::min(out.first_start, task.start_ticks.value_or(0));
  }
  return out;
}

std::set<std::size_t> possible_members(const std::vector<Task>& tasks, const std::set<std::size_t>& known,
                                       const DyingNamespaces& dying) {
  std::set<std::size_t> out;
  if (dying.inodes.empty()) return out;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Task& task = tasks[i];
    const bool kernel_thread = (task.flags.value_or(k_pf_kthread) & k_pf_kthread) != 0;
    const bool older = task.start_ticks.value_or(0) + k_start_slack_ticks < dying.first_start;
    if (task.is_leader() && !kernel_thread && !older && !known.contains(i)) out.insert(i);
  }
  return out;
}

std::set<std::size_t> threads_and_parents(const std::vector<Task>& tasks, const std::set<std::size_t>& known,
                                          const std::set<std::size_t>& of) {
  std::set<std::size_t> out;
  if (of.empty()) return out;
  const Groups by_tgid(tasks, &Task::tgid);
  const auto add_process = [&](std::int32_t tgid) {
    const std::vector<std::size_t> threads = by_tgid.of(tgid);
    for (const std::size_t i : threads)
      if (!known.contains(i) && (threads.size() <= k_max_threads_of_parent || tasks[i].is_leader()))
        out.insert(i);
  };
  for (const std::size_t i : of) {
    if (tasks[i].tgid) add_process(*tasks[i].tgid);
    if (tasks[i].ppid.value_or(0) > 0) add_process(*tasks[i].ppid);
  }
  return out;
}

std::set<std::size_t> tracers(const std::vector<Task>& tasks, const std::set<std::size_t>& known) {
  std::set<std::int32_t> wanted;
  for (const std::size_t i : known)
    if (tasks[i].tracer_pid.value_or(0) > 0) wanted.insert(*tasks[i].tracer_pid);
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < tasks.size() && !wanted.empty(); ++i)
    if (tasks[i].tid && wanted.contains(*tasks[i].tid) && !known.contains(i)) found.insert(i);
  return found;
}

std::set<std::size_t> runtimes_above(const std::vector<Task>& tasks, const std::set<std::size_t>& known) {
  std::set<std::size_t> found;
  if (known.empty()) return found;
  const Groups by_tid(tasks, &Task::tid);
  std::set<std::int32_t> seen;
  for (const std::size_t start : known) {
    std::int32_t parent = tasks[start].ppid.value_or(0);
    while (parent > 1 && seen.insert(parent).second) {
      const std::vector<std::size_t> places = by_tid.of(parent);
      if (places.empty()) break;
      const Task& task = tasks[places.front()];
      if (task.comm && runtime_name(*task.comm) && !known.contains(places.front()))
        found.insert(places.front());
      parent = task.ppid.value_or(0);
    }
  }
  return found;
}

std::set<std::size_t> left_to_runtimes(const std::vector<Task>& tasks, const std::set<std::size_t>& chosen) {
  std::set<std::size_t> out;
  std::set<std::int32_t> runtimes;
  for (const std::size_t i : chosen)
    if (tasks[i].is_leader() && tasks[i].comm && runtime_name(*tasks[i].comm))
      runtimes.insert(*tasks[i].tgid);
  std::set<std::int32_t> parents;
  for (const std::size_t i : chosen) {
    const Task& task = tasks[i];
    if (!is_zombie(task) || !task.is_leader() || !task.ppid || !runtimes.contains(*task.ppid)) continue;
    out.insert(i);
    parents.insert(*task.ppid);
  }
  for (const std::size_t i : chosen)
    if (tasks[i].tgid && parents.contains(*tasks[i].tgid)) out.insert(i);
  return out;
}

std::set<std::size_t> unsettled(const std::vector<Task>& tasks, const std::set<std::size_t>& chosen) {
  std::set<std::size_t> out = left_to_runtimes(tasks, chosen);
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (tasks[i].state.is('R')) out.insert(i);
  for (const std::size_t i : chosen)
    if (tasks[i].state.is('D') || (is_exiting(tasks[i]) && !is_zombie(tasks[i]))) out.insert(i);
  return out;
}

std::set<std::size_t> lasting(const std::vector<Task>& tasks, const std::set<std::size_t>& again,
                              const std::set<std::size_t>& chosen) {
  std::set<std::size_t> out;
  std::set<std::size_t> still = chosen;  // by now some may be reaped
  std::erase_if(still, [&](std::size_t i) { return is_zombie(tasks[i]) && tasks[i].samples.size() < 2; });
  for (const std::size_t i : left_to_runtimes(tasks, still))
    if (again.contains(i)) out.insert(i);
  for (const std::size_t i : again) {
    const Task& task = tasks[i];
    if (!chosen.contains(i) || task.samples.empty()) continue;
    const char now = task.samples.back().state;
    if (now == 'Z' || now == 'X') continue;
    const auto use = rate(task);
    const bool moved = task.samples.front().state != now || (use && use->switches.value_or(0) > 0);
    const bool busy = use && use->system_percent >= k_busy_percent;
    if (is_exiting(task) || busy || (now == 'D' && !moved)) out.insert(i);
  }
  return out;
}

std::set<std::size_t> busy_in_kernel(const std::vector<Task>& tasks, const std::set<std::size_t>& known) {
  std::set<std::size_t> busy;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (known.contains(i)) continue;
    const auto use = rate(tasks[i]);
    if (use && use->system_percent >= k_busy_percent) busy.insert(i);
  }
  return busy;
}

}  // namespace unzap
