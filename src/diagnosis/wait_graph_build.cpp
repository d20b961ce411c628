// SPDX-License-Identifier: Apache-2.0
// Which edges the graph gets, and why: one function for each kind of waiting.
#include <algorithm>

#include "diagnosis/wait_graph.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr double k_spin_percent = 90;

bool lockup_or_stall(const KernelEvent& event) {
  return event.kind == EventKind::soft_lockup || event.kind == EventKind::hard_lockup ||
         event.kind == EventKind::rcu_stall || event.kind == EventKind::rcu_expedited_stall;
}

Proof proof(const KernelEvent& event) {
  return {event.where, event.text};
}

Proof proof(const Stack& stack, const Task& task) {
  return {stack.where.empty() ? place_of(task) : stack.where, task.label() + ": " + stack_line(stack)};
}

std::int32_t process_of(const Task& task) {
  return task.tgid ? *task.tgid : task.tid.value_or(0);
}

/// Number 1 of a pid namespace below the host's.
bool namespace_init(const Task& task) {
  return task.ns_pids && task.ns_pids->size() >= 2 && task.ns_pids->back() == 1;
}

/// Burns system time without one context switch in the window, nor a tick in user mode: it never came to
/// schedule(), nor to the way back to user mode, which is a quiescent state as good.
bool spins(const Task& task) {
  const auto found = rate(task);
  return found && found->system_percent >= k_spin_percent && found->user_percent <= 0 &&
         found->switches.is(0);
}

}  // namespace

Reaper& WaitGraph::reaper_of(const Task& task) {
  for (Reaper& known : reapers_)
    if (known.task == &task) return known;
  reapers_.push_back({});
  reapers_.back().task = &task;
  return reapers_.back();
}

void WaitGraph::find_reapers() {
  for (const Task* task : tasks_) {
    const Stack* stack = stack_of(*task);
    const ZapPlace place = stack != nullptr ? zap_place(*stack) : ZapPlace::none;
    if (place == ZapPlace::first_loop || place == ZapPlace::second_loop) {
      Reaper& found = reaper_of(*task);
      found.place = place;
      found.stack = stack;
      found.running = (taken_while_running(*stack) && stack->origin != StackOrigin::oops) || spins(*task) ||
                      (stack->origin != StackOrigin::proc_stack && task->state.is('R'));
      found.proofs.push_back(proof(*stack, *task));
    } else if (task->wchan.is("zap_pid_ns_processes")) {
      Reaper& found = reaper_of(*task);
      found.place = ZapPlace::second_loop;
      found.proofs.push_back({place_of(*task), task->label() + ": wchan zap_pid_ns_processes"});
    }
  }
  // Exiting threads of a namespace's init whose stack cannot be seen.
  for (const Task* leader : tasks_) {
    if (!namespace_init(*leader) || !leader->is_leader()) continue;
    for (const Task* task : index_.of_process(process_of(*leader))) {
      if (zombie(*task) || exiting(*task) != true || stack_of(*task) != nullptr) continue;
      if (task->wchan.is("zap_pid_ns_processes")) continue;
      Reaper& found = reaper_of(*task);
      found.running = spins(*task);
      const bool asleep = task->wchan && (*task->wchan == "do_wait" || *task->wchan == "kernel_wait4");
      if (asleep) found.place = ZapPlace::first_loop;
      const bool no_frames =
          task->stack ? task->stack->frames.empty() : *task->stack.absence() == Absence::task_running;
      const bool on_cpu = task->state.is('R') || task->syscall.is("running") || no_frames;
      found.candidate = !asleep && (found.running || on_cpu);
      found.proofs.push_back({place_of(*task), task->label() + ": exiting thread of init " + leader->label() +
                                                   " of a pid namespace" + (asleep ? ", in do_wait" : "")});
    }
  }
}

void WaitGraph::attach_reports() {
  for (const KernelEvent* report : events_) {
    const KernelEvent& event = *report;
    if (!lockup_or_stall(event)) continue;
    const Stack* stack = event.stack.get();
    const bool names_zap =
        stack != nullptr && zap_place(*stack) != ZapPlace::none && zap_place(*stack) != ZapPlace::elsewhere;
    if (const Task* named = task_of(event); names_zap && named != nullptr) {
      Reaper& found = reaper_of(*named);
      found.running = true;
      found.stack = stack;
      found.place = zap_place(*stack);
      found.lockups.push_back(&event);
      continue;
    }
    // The dump of a task that runs elsewhere has guessed frames only: they make a candidate, not a proof.
    const Task* named = task_of(event);
    const bool guessed = named != nullptr && event.kind != EventKind::soft_lockup && stack != nullptr &&
                         std::any_of(stack->frames.begin(), stack->frames.end(), [](const Frame& frame) {
                           return frame.guess && frame.function == "zap_pid_ns_processes";
                         });
    if (guessed) reaper_of(*named).candidate = true;
    for (Reaper& known : reapers_) {
      const bool same_task = event.tid && known.task->tid && *event.tid == *known.task->tid;
      const bool same_cpu =
          !event.tid && known.task->processor && (known.running || known.candidate) &&
          std::find(event.cpus.begin(), event.cpus.end(), *known.task->processor) != event.cpus.end();
      if (same_task || same_cpu) known.lockups.push_back(&event);
    }
  }
  // The second loop calls schedule(): a soft lockup in zap, with do_wait not on the stack, fell between two
  // calls of kernel_wait4().
  for (Reaper& known : reapers_)
    for (const KernelEvent* event : known.lockups)
      if (event->kind == EventKind::soft_lockup && known.place == ZapPlace::second_loop)
        known.place = ZapPlace::first_loop;
}

void WaitGraph::find_members(Reaper& reaper) const {
  std::vector<const Task*>& found = reaper.members;
  std::set<const Task*> seen;
  std::set<std::int32_t> asked;
  const std::int32_t init = process_of(*reaper.task);
  std::vector<std::int32_t> open = {init};
  while (!open.empty()) {
    const std::int32_t parent = open.back();
    open.pop_back();
    if (parent <= 0 || !asked.insert(parent).second) continue;
    for (const Task* child : index_.children_of(parent)) {
      if (process_of(*child) == init || !seen.insert(child).second) continue;
      found.push_back(child);
      open.push_back(process_of(*child));
    }
  }
  // Threads of a member process whose own parent is not shown, and tasks shown in the same namespace.
  const auto same_namespace = [&](const Task& task) {
    return task.pid_ns && reaper.task->pid_ns && *task.pid_ns == *reaper.task->pid_ns;
  };
  for (const Task* task : tasks_) {
    if (process_of(*task) == init || seen.count(task) > 0) continue;
    const bool thread_of_member = task->tgid && asked.count(*task->tgid) > 0 && *task->tgid != init;
    if (!thread_of_member && !same_namespace(*task)) continue;
    found.push_back(task);
  }
}

void WaitGraph::add_reaper_edges() {
  for (Reaper& reaper : reapers_) {
    find_members(reaper);
    for (const Task* member : reaper.members)
      reaper_of_member_.emplace(member, static_cast<std::size_t>(&reaper - reapers_.data()));
    const std::size_t from = task_node(*reaper.task);
    const std::size_t space = add({NodeKind::pid_namespace, "pid namespace of " + reaper.task->label(),
                                   nullptr, process_of(*reaper.task)});
    connect(from, space, "zap_pid_ns_processes() returns when the namespace is empty", reaper.proofs);
    for (const Task* member : reaper.members)
      connect(space, task_node(*member), "is still a member of the namespace",
              {{place_of(*member), member->label() + " state " + member->state.value_or('?')}});
  }
}

void WaitGraph::add_site_edges() {
  for (const Task* task : tasks_) {
    const WaitSite* site = site_of(*task);
    if (site == nullptr) continue;
    const Stack* stack = stack_of(*task);
    const std::size_t from = task_node(*task);
    const std::string why = "waits in " + matched_functions(*stack, *site);
    if (site->kind == WaitsFor::rcu_grace_period) {
      connect(from, rcu_node(), why, {proof(*stack, *task)});
      continue;
    }
    if (site->cause == "frozen-cgroup" && freezer_of(*task) != nullptr) continue;  // has an edge to that one
    const NodeKind kind = site->kind == WaitsFor::cgroup ? NodeKind::cgroup : NodeKind::outside;
    const auto [at, fresh] = outside_nodes_.try_emplace(std::string(site->what), nodes_.size());
    if (fresh) add({kind, std::string(site->what), nullptr, 0});
    connect(from, at->second, why, {proof(*stack, *task)});
    // rmdir of a cgroup, and rcu_tasks, wait for tasks that are on their way out: a dying init is one of
    // them.
    if (site->cause == "unreaped-by-outside-parent")
      for (const Reaper& reaper : reapers_)
        connect(from, task_node(*reaper.task), std::string(site->what), {proof(*stack, *task)}, true);
  }
}

void WaitGraph::add_freezer_edges() {
  for (const Task* task : tasks_) {
    const CgroupState* freezer = freezer_of(*task);
    if (freezer == nullptr) continue;
    const std::string label = "cgroup " + printable(freezer->path, 128);
    const auto [at, fresh] = outside_nodes_.try_emplace(label, nodes_.size());
    if (fresh) add({NodeKind::cgroup, label, nullptr, 0});
    std::vector<Proof> proofs = {{freezer->where, freezer->version == 1 ? "FROZEN" : "frozen 1"}};
    if (const Stack* stack = stack_of(*task)) proofs.push_back(proof(*stack, *task));
    connect(task_node(*task), at->second, "is frozen by it", std::move(proofs));
  }
}

void WaitGraph::add_rcu_holders() {
  const bool reported = std::any_of(events_.begin(), events_.end(),
                                    [](const KernelEvent* event) { return lockup_or_stall(*event); });
  if (rcu_waiters_.empty() && !reported) return;
  for (const KernelEvent* report : events_) {
    const KernelEvent& event = *report;
    if (!lockup_or_stall(event)) continue;
    const bool stall = event.kind == EventKind::rcu_stall || event.kind == EventKind::rcu_expedited_stall;
    for (const std::int32_t cpu : event.cpus) {
      connect(rcu_node(), cpu_node(cpu), "has had no quiescent state from it", {proof(event)}, !stall);
      const Task* named = event.cpus.size() == 1 ? task_of(event) : nullptr;
      if (named != nullptr)
        connect(cpu_node(cpu), task_node(*named), "runs it and nothing else", {proof(event)});
    }
  }
  for (const Task* task : tasks_) {
    const bool running_reaper = std::any_of(reapers_.begin(), reapers_.end(), [&](const Reaper& known) {
      return known.task == task && (known.running || known.candidate) && known.place != ZapPlace::second_loop;
    });
    if (!spins(*task) && !running_reaper) continue;
    const std::string why = "gets no quiescent state from kernel mode without schedule()";
    if (!task->processor) {
      connect(rcu_node(), task_node(*task), why,
              {{place_of(*task), task->label() + " does not leave its CPU"}}, true);
      continue;
    }
    const Proof seen = {place_of(*task),
                        task->label() + " does not leave CPU " + std::to_string(*task->processor)};
    connect(rcu_node(), cpu_node(*task->processor), why, {seen}, true);
    connect(cpu_node(*task->processor), task_node(*task), "runs it and nothing else", {seen});
  }
}

void WaitGraph::add_process_edges() {
  for (const Task* task : tasks_) {
    if (zombie(*task) && task->is_leader()) {
      bool live = false;
      for (const Task* thread : index_.of_process(*task->tgid)) {
        if (thread == task || zombie(*thread)) continue;
        live = true;
        connect(task_node(*task), task_node(*thread),
                "a zombie leader cannot be reaped before its threads are gone",
                {{place_of(*thread), thread->label() + " is a live thread of " + task->label()}});
      }
      const Task* parent = task->ppid && *task->ppid > 0 ? index_.by_tid(*task->ppid) : nullptr;
      if (!live && parent != nullptr)
        connect(task_node(*task), task_node(*parent), "must be reaped by its parent",
                {{place_of(*task), task->label() + " is a zombie, its parent is " + parent->label()}});
    }
    if (task->tracer_pid && *task->tracer_pid > 0) {
      const std::string what = "tracer " + std::to_string(*task->tracer_pid);
      const Proof seen = {place_of(*task),
                          task->label() + ": TracerPid " + std::to_string(*task->tracer_pid)};
      if (const Task* tracer = index_.by_tid(*task->tracer_pid)) {
        connect(task_node(*task), task_node(*tracer), "is traced", {seen});
        continue;
      }
      const auto [at, fresh] = outside_nodes_.try_emplace(what, nodes_.size());
      if (fresh) add({NodeKind::outside, what, nullptr, *task->tracer_pid});
      connect(task_node(*task), at->second, "is traced", {seen});
    }
  }
}

void WaitGraph::add_io_worker_edges() {
  for (const Task* task : tasks_) {
    const WaitSite* site = site_of(*task);
    if (site == nullptr || site->cause != "io-uring-exit" || !task->tid || !task->tgid) continue;
    const std::string suffix = "-" + std::to_string(*task->tid);
    for (const Task* worker : index_.of_process(*task->tgid)) {
      if (worker == task || !io_uring_thread(*worker) || zombie(*worker)) continue;
      const std::string& comm = *worker->comm;
      if (comm.size() < suffix.size() ||
          comm.compare(comm.size() - suffix.size(), suffix.size(), suffix) != 0)
        continue;
      connect(task_node(*task), task_node(*worker), "waits for its io_uring worker",
              {{place_of(*worker), worker->label() + " was created by " + task->label()}});
    }
  }
}

}  // namespace unzap
