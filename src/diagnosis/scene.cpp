// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/scene.hpp"

#include <algorithm>
#include <utility>

namespace unzap {
namespace {

/// The folder of a cgroup in its file system, by the file that was looked at there.
std::string_view folder_of(const CgroupState& state) {
  return std::string_view(state.where).substr(0, state.where.rfind('/'));
}

/// A task that only a report names.
Task task_of_report(const KernelEvent& event) {
  Task task;
  task.tid = event.tid;
  task.comm = event.comm;
  task.where = event.where;
  if (event.kind == EventKind::hung_task) {
    task.state = 'D';
    task.blocked_seconds = event.duration_seconds;
  }
  if (shows_running(event.kind)) task.state = 'R';
  if (shows_running(event.kind) && event.cpus.size() == 1) task.processor = event.cpus.front();
  task.stack = event.stack;
  return task;
}

}  // namespace

Proof proof(const KernelEvent& event) {
  return {event.where, event.text};
}

Proof proof(const Stack& stack, const Task& task) {
  return {stack.where.empty() ? place_of(task) : stack.where, task.label() + ": " + stack_line(stack)};
}

Scene::Scene(const Snapshot& snapshot, const Deadline& deadline)
    : snapshot_(snapshot), deadline_(deadline), index_(snapshot) {
  collect_tasks();
  for (const CgroupState& state : snapshot_.cgroups) cgroups_.emplace(state.path, &state);
  for (const Task* task : tasks_) {
    add_wchan_stack(*task);
    place(*task);
  }
}

/// Of a task in D without a stack the innermost function may be known all the same.
void Scene::add_wchan_stack(const Task& task) {
  const bool wchan_only = task.state.is('D') && task.wchan && task.wchan->size() > 1;
  if (!wchan_only || stack_of(task) != nullptr) return;
  Stack& known = wchan_stacks_[&task];
  known.frames.push_back({.function = std::string(plain_symbol(*task.wchan))});
  known.where = task.where;
}

/// Finds out where a task waits.
void Scene::place(const Task& task) {
  const Stack* stack = stack_of(task);
  if (stack == nullptr || hold_of(task) == Hold::none) return;
  if (rcu_wait(*stack)) rcu_waiters_.push_back(&task);
  const WaitSite* site = wait_site(*stack);
  if (site == nullptr) return;
  if (!task.state.is('D') && hold_of(task) != Hold::lasting) {
    // A weak site says something only about a task that is known to be uninterruptible.
    if (site->weak && (task.state || !site->never_idle)) return;
    // The main function of a kernel thread, and nothing above it: it has nothing to do.
    if (stack->has("kthread") && only_by_prefix(*stack, *site)) return;
  }
  sites_[&task] = site;
}

bool Scene::stands(const KernelEvent& event) const {
  const bool now = snapshot_.origin != Origin::text;
  if (!now || !snapshot_.all_tasks || !event.tid) return true;
  const Task* task = index_.by_tid(*event.tid);
  if (task == nullptr || (event.comm && task->comm && *event.comm != *task->comm)) return false;
  if (event.kind == EventKind::hung_task) return task->state.is('D');
  const auto found = rate(*task);
  return !shows_running(event.kind) || !found || found->switches.value_or(0) == 0;
}

void Scene::collect_tasks() {
  for (const Task& task : snapshot_.tasks)
    if (!index_.is_copy(task)) tasks_.push_back(&task);
  for (const KernelEvent& event : snapshot_.events) {
    if (!stands(event)) continue;
    events_.push_back(&event);
    if (event.tid) add_reported(event);
  }
}

/// What a report tells of the task that it names.
void Scene::add_reported(const KernelEvent& event) {
  if (event.kind == EventKind::hung_task) hung_tids_.insert(*event.tid);
  if (event.stack && !event.stack->frames.empty() && event.kind != EventKind::oom_kill)
    report_stacks_.emplace(*event.tid, &event);
  const bool about_a_task =
      event.kind == EventKind::hung_task || event.kind == EventKind::task_state || shows_running(event.kind);
  if (!about_a_task || index_.by_tid(*event.tid) != nullptr || reported_by_tid_.count(*event.tid) > 0) return;
  reported_.push_back(task_of_report(event));
  reported_by_tid_[*event.tid] = &reported_.back();
  tasks_.push_back(&reported_.back());
}

const Stack* Scene::stack_of(const Task& task) const {
  if (task.stack && !task.stack->frames.empty()) return task.stack.get();
  if (task.tid)
    if (const auto at = report_stacks_.find(*task.tid); at != report_stacks_.end())
      return at->second->stack.get();
  const auto at = wchan_stacks_.find(&task);
  return at == wchan_stacks_.end() ? nullptr : &at->second;
}

Hold Scene::hold_of(const Task& task) const {
  if (reported_hung(task)) return Hold::lasting;
  return hold(task, snapshot_.origin);
}

const Task* Scene::task_numbered(std::int32_t tid) const {
  if (const Task* known = index_.by_tid(tid)) return known;
  const auto at = reported_by_tid_.find(tid);
  return at == reported_by_tid_.end() ? nullptr : at->second;
}

const Task* Scene::task_of(const KernelEvent& event) const {
  return event.tid ? task_numbered(*event.tid) : nullptr;
}

const Task* Scene::task_of(const Party& party) const {
  const Task* task = party.tid ? task_numbered(*party.tid) : nullptr;
  const bool other = task != nullptr && party.start_ticks && !task->start_ticks.is(*party.start_ticks);
  return other ? nullptr : task;
}

const WaitSite* Scene::site_of(const Task& task) const {
  const auto at = sites_.find(&task);
  return at == sites_.end() ? nullptr : at->second;
}

const CgroupState* Scene::freezer_of(const Task& task) const {
  if (!task.cgroup || !alive(task) || task.state.is('R')) return nullptr;
  // What is frozen above freezes what is below: kernel/cgroup/freezer.c, kernel/cgroup/legacy_freezer.c.
  for (std::string_view path = *task.cgroup; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto [first, last] = cgroups_.equal_range(path);
    for (auto at = first; at != last; ++at) {
      const CgroupState& state = *at->second;
      if (state.frozen.is(true) && (state.version == 2 || task.state.is('D'))) return &state;
    }
    if (path.rfind('/') == std::string_view::npos) break;
  }
  return nullptr;
}

const CgroupState& Scene::asked_to_freeze(const CgroupState& state) const {
  const CgroupState* best = &state;
  for (std::string_view path = state.path; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto [first, last] = cgroups_.equal_range(path);
    for (auto at = first; at != last; ++at) {
      const CgroupState& above = *at->second;
      const bool same_hierarchy = above.version == state.version &&
                                  (&above == &state || folder_of(state).starts_with(folder_of(above)));
      if (same_hierarchy && above.self_freezing.is(true)) best = &above;
    }
    if (path.rfind('/') == std::string_view::npos) break;
  }
  return *best;
}

}  // namespace unzap
