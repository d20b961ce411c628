// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/select.hpp"

#include <cstdint>
#include <map>

namespace unzap {
namespace {

constexpr double k_busy_percent = 50;
/// A parent with more threads than this is looked at in its leader and its stuck threads only.
constexpr std::size_t k_max_threads_of_parent = 32;

bool is_zombie(const Task& task) {
  return task.state.is('Z') || task.state.is('X');
}

bool is_exiting(const Task& task) {
  return (task.flags.value_or(0) & k_pf_exiting) != 0;
}

bool stands_out(const Task& task) {
  const char state = task.state.value_or('?');
  return state == 'D' || state == 'Z' || state == 'X' || state == 't' || state == 'T' || is_exiting(task);
}

std::multimap<std::int32_t, std::size_t> group_by(const std::vector<Task>& tasks,
                                                  Reading<std::int32_t> Task::*field) {
  std::multimap<std::int32_t, std::size_t> out;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (tasks[i].*field) out.emplace(*(tasks[i].*field), i);
  return out;
}

}  // namespace

std::set<std::size_t> tasks_that_matter(const std::vector<Task>& tasks) {
  const auto by_tgid = group_by(tasks, &Task::tgid);
  const auto by_ppid = group_by(tasks, &Task::ppid);
  std::set<std::size_t> chosen;
  const auto choose_process = [&](std::int32_t tgid) {
    const auto [first, last] = by_tgid.equal_range(tgid);
    const bool large = by_tgid.count(tgid) > k_max_threads_of_parent;
    for (auto it = first; it != last; ++it)
      if (!large || tasks[it->second].is_leader()) chosen.insert(it->second);
  };
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const Task& task = tasks[i];
    if (!stands_out(task)) continue;
    chosen.insert(i);
    // A kernel thread in D, or a stopped task, is no reason to look at its family.
    if (!is_exiting(task) && !is_zombie(task)) continue;
    if (task.ppid && *task.ppid > 0) choose_process(*task.ppid);
    if (!task.tgid) continue;
    choose_process(*task.tgid);
    const auto [first, last] = by_ppid.equal_range(*task.tgid);
    for (auto it = first; it != last; ++it) chosen.insert(it->second);
  }
  return chosen;
}

std::set<std::size_t> members_of_dying(const std::vector<Task>& tasks, const std::set<std::size_t>& known) {
  const auto by_ppid = group_by(tasks, &Task::ppid);
  std::vector<std::int32_t> open;
  std::set<std::int32_t> seen;
  for (const Task& task : tasks) {
    const bool nested_init = task.ns_pids && task.ns_pids->size() >= 2 && task.ns_pids->back() == 1;
    if (nested_init && task.tgid && (is_exiting(task) || is_zombie(task)) && seen.insert(*task.tgid).second)
      open.push_back(*task.tgid);
  }
  std::set<std::size_t> members;
  while (!open.empty()) {
    const auto [first, last] = by_ppid.equal_range(open.back());
    open.pop_back();
    for (auto it = first; it != last; ++it) {
      if (!known.contains(it->second)) members.insert(it->second);
      const Task& child = tasks[it->second];
      if (child.tgid && seen.insert(*child.tgid).second) open.push_back(*child.tgid);
    }
  }
  return members;
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
