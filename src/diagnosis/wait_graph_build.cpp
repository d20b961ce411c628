// SPDX-License-Identifier: Apache-2.0
// Which edges the graph gets, and why: one function for each kind of waiting.
#include <algorithm>

#include "diagnosis/wait_graph.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr double k_spin_percent = 90;
/// An edge that is inferred from each to all is drawn to this many.
constexpr std::size_t k_most_inferred = 16;

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
  const auto [at, fresh] = reaper_numbers_.try_emplace(&task, reapers_.size());
  if (!fresh) return reapers_[at->second];
  reapers_.push_back({});
  Reaper& added = reapers_.back();
  added.task = &task;
  if (task.pid_ns) added.pid_ns = *task.pid_ns;
  if (task.tgid) reaping_process_.try_emplace(*task.tgid, at->second);
  return added;
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
  std::multimap<std::int32_t, std::size_t> by_tid, by_cpu;
  for (const Reaper& known : reapers_) {
    const std::size_t number = static_cast<std::size_t>(&known - reapers_.data());
    if (known.task->tid) by_tid.emplace(*known.task->tid, number);
    if (known.task->processor) by_cpu.emplace(*known.task->processor, number);
  }
  // A report that names a task is about that task; one that names CPUs only, about who keeps them.
  const auto reported_by = [&](const KernelEvent& event) {
    std::vector<Reaper*> out;
    const auto add = [&](const auto& index, std::int32_t number, bool only_running) {
      const auto [first, last] = index.equal_range(number);
      for (auto at = first; at != last; ++at) {
        Reaper& known = reapers_[at->second];
        if ((!only_running || known.running || known.candidate) &&
            std::find(out.begin(), out.end(), &known) == out.end())
          out.push_back(&known);
      }
    };
    if (event.tid) {
      add(by_tid, *event.tid, false);
    } else {
      for (const std::int32_t cpu : event.cpus) add(by_cpu, cpu, true);
    }
    return out;
  };
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
    for (Reaper* known : reported_by(event)) known->lockups.push_back(&event);
  }
  // The second loop calls schedule(): a soft lockup in zap, with do_wait not on the stack, fell between two
  // calls of kernel_wait4().
  for (Reaper& known : reapers_)
    for (const KernelEvent* event : known.lockups)
      if (event->kind == EventKind::soft_lockup && known.place == ZapPlace::second_loop)
        known.place = ZapPlace::first_loop;
}

void WaitGraph::find_descendants(Reaper& reaper, std::set<const Task*>& seen) const {
  const std::int32_t init = process_of(*reaper.task);
  std::set<std::int32_t> asked = {init};
  std::vector<std::int32_t> open = {init};
  for (const Task* member : reaper.members)
    if (const std::int32_t process = process_of(*member); process > 0 && asked.insert(process).second)
      open.push_back(process);
  const auto take = [&](const Task& task) {
    if (process_of(task) == init || belongs(reaper, task) == Belongs::no || !seen.insert(&task).second)
      return;
    reaper.members.push_back(&task);
    if (asked.insert(process_of(task)).second) open.push_back(process_of(task));
  };
  while (!open.empty()) {
    const std::int32_t process = open.back();
    open.pop_back();
    if (process <= 0) continue;
    for (const Task* child : index_.children_of(process)) take(*child);
    if (process == init) continue;
    for (const Task* thread : index_.of_process(process)) take(*thread);
  }
}

/// Who has the inode of a dying namespace in its chain belongs there; so do the descendants of the init.
void WaitGraph::find_members() {
  std::multimap<std::uint64_t, std::size_t> by_namespace;
  for (std::size_t number = 0; number < reapers_.size(); ++number)
    if (reapers_[number].pid_ns) by_namespace.emplace(*reapers_[number].pid_ns, number);
  std::vector<std::set<const Task*>> seen(reapers_.size());
  const auto add_to = [&](std::uint64_t inode, const Task& task) {
    const auto [first, last] = by_namespace.equal_range(inode);
    for (auto at = first; at != last; ++at) {
      Reaper& reaper = reapers_[at->second];
      if (process_of(task) == process_of(*reaper.task) || !seen[at->second].insert(&task).second) continue;
      reaper.members.push_back(&task);
      reaper_of_member_.emplace(&task, at->second);  // the first is the innermost
    }
  };
  for (const Task* task : tasks_) {
    if (by_namespace.empty()) break;
    if (task->pid_ns_chain)
      for (const std::uint64_t inode : *task->pid_ns_chain) add_to(inode, *task);
    else if (task->pid_ns)
      add_to(*task->pid_ns, *task);
  }
  for (std::size_t number = 0; number < reapers_.size() && !out_of_time(); ++number) {
    find_descendants(reapers_[number], seen[number]);
    for (const Task* member : reapers_[number].members) reaper_of_member_.emplace(member, number);
  }
}

void WaitGraph::add_reaper_edges() {
  for (const Reaper& reaper : reapers_) {
    const std::size_t from = task_node(*reaper.task);
    const std::size_t space = add(NodeRef::namespace_of(*reaper.task));
    connect(from, space, Reason::namespace_not_empty, reaper.proofs);
    for (const Task* member : reaper.members)
      connect(space, task_node(*member), Reason::is_member,
              {{place_of(*member), member->label() + " state " + member->state.value_or('?')}});
  }
}

void WaitGraph::add_site_edges() {
  for (const Task* task : tasks_) {
    const WaitSite* site = site_of(*task);
    if (site == nullptr) continue;
    const Stack* stack = stack_of(*task);
    const std::size_t from = task_node(*task);
    const Reason why = Reason::waits(matched_functions(*stack, *site));
    if (site->kind == WaitsFor::rcu_grace_period) {
      connect(from, rcu_node(), why, {proof(*stack, *task)});
      continue;
    }
    const bool freezer = site->kind == WaitsFor::cgroup;
    if (freezer && freezer_of(*task) != nullptr) continue;  // has an edge to that one
    NodeRef awaited = NodeRef::outside(site->object);
    if (freezer) awaited.kind = NodeKind::cgroup;
    connect(from, thing_node(awaited), why, {proof(*stack, *task)});
    // rmdir of a cgroup, and rcu_tasks, wait for tasks that are on their way out: a dying init is one of
    // them.
    if (site->kind == WaitsFor::dying)
      for (std::size_t number = 0; number < std::min(reapers_.size(), k_most_inferred); ++number)
        connect(from, task_node(*reapers_[number].task), Reason::for_dying(site->object),
                {proof(*stack, *task)}, true);
  }
}

void WaitGraph::add_freezer_edges() {
  for (const Task* task : tasks_) {
    const CgroupState* freezer = freezer_of(*task);
    if (freezer == nullptr) continue;
    std::vector<Proof> proofs = {{freezer->where, freezer->version == 1 ? "FROZEN" : "frozen 1"}};
    if (const Stack* stack = stack_of(*task)) proofs.push_back(proof(*stack, *task));
    const std::size_t cgroup = thing_node(NodeRef::cgroup(printable(freezer->path, 128)));
    connect(task_node(*task), cgroup, Reason::frozen_by, std::move(proofs));
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
      connect(rcu_node(), cpu_node(cpu), Reason::no_quiescent_state, {proof(event)}, !stall);
      const Task* named = event.cpus.size() == 1 ? task_of(event) : nullptr;
      if (named != nullptr) connect(cpu_node(cpu), task_node(*named), Reason::keeps_cpu, {proof(event)});
    }
  }
  for (const Task* task : tasks_) {
    const Reaper* reaper = reaper_at(*task);
    const bool running_reaper =
        reaper != nullptr && (reaper->running || reaper->candidate) && reaper->place != ZapPlace::second_loop;
    if (!spins(*task) && !running_reaper) continue;
    const Reason why = Reason::never_schedules;
    if (!task->processor) {
      connect(rcu_node(), task_node(*task), why,
              {{place_of(*task), task->label() + " does not leave its CPU"}}, true);
      continue;
    }
    const Proof seen = {place_of(*task),
                        task->label() + " does not leave CPU " + std::to_string(*task->processor)};
    connect(rcu_node(), cpu_node(*task->processor), why, {seen}, true);
    connect(cpu_node(*task->processor), task_node(*task), Reason::keeps_cpu, {seen});
  }
}

void WaitGraph::add_process_edges() {
  for (const Task* task : tasks_) {
    if (zombie(*task) && task->is_leader()) {
      bool live = false;
      for (const Task* thread : index_.of_process(*task->tgid)) {
        if (thread == task || zombie(*thread)) continue;
        live = true;
        connect(task_node(*task), task_node(*thread), Reason::live_threads,
                {{place_of(*thread), thread->label() + " is a live thread of " + task->label()}});
      }
      const Task* parent = task->ppid && *task->ppid > 0 ? index_.by_tid(*task->ppid) : nullptr;
      if (!live && parent != nullptr)
        connect(task_node(*task), task_node(*parent), Reason::parent_must_reap,
                {{place_of(*task), task->label() + " is a zombie, its parent is " + parent->label()}});
    }
    if (task->tracer_pid && *task->tracer_pid > 0) {
      const Proof seen = {place_of(*task),
                          task->label() + ": TracerPid " + std::to_string(*task->tracer_pid)};
      if (const Task* tracer = index_.by_tid(*task->tracer_pid)) {
        connect(task_node(*task), task_node(*tracer), Reason::is_traced, {seen});
        continue;
      }
      connect(task_node(*task), thing_node(NodeRef::tracer(*task->tracer_pid)), Reason::is_traced, {seen});
    }
  }
}

void WaitGraph::add_io_worker_edges() {
  // Workers are named after the thread that created them: create_io_worker(), io_uring/io-wq.c.
  std::multimap<std::int32_t, const Task*> by_creator;
  for (const Task* worker : tasks_) {
    if (!io_uring_thread(*worker) || zombie(*worker)) continue;
    if (const auto creator = parse_number<std::int32_t>(worker->comm->substr(worker->comm->rfind('-') + 1)))
      by_creator.emplace(*creator, worker);
  }
  for (const Task* task : tasks_) {
    const WaitSite* site = site_of(*task);
    if (site == nullptr || site->cause != CauseId::io_uring_exit || !task->tid || !task->tgid) continue;
    const auto [first, last] = by_creator.equal_range(*task->tid);
    for (auto at = first; at != last; ++at) {
      const Task* worker = at->second;
      if (worker == task || !worker->tgid.is(*task->tgid)) continue;
      connect(task_node(*task), task_node(*worker), Reason::io_worker,
              {{place_of(*worker), worker->label() + " was created by " + task->label()}});
    }
  }
}

}  // namespace unzap
