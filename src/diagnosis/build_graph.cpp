// SPDX-License-Identifier: Apache-2.0
// Which edges the graph gets, and why: one function for each kind of waiting.
#include "diagnosis/build_graph.hpp"

#include <algorithm>

#include "util/text.hpp"

namespace unzap {
namespace {

/// An edge that is inferred from each to all is drawn to so many.
constexpr std::size_t k_most_inferred = 16;

class Builder {
 public:
  Builder(const Scene& scene, const Reapers& reapers) : scene_(scene), reapers_(reapers) {}

  WaitGraph build() {
    using Pass = void (Builder::*)();
    for (const Pass pass :
         {&Builder::add_reaper_edges, &Builder::add_site_edges, &Builder::add_freezer_edges,
          &Builder::add_rcu_holders, &Builder::add_process_edges, &Builder::add_io_worker_edges})
      if (!scene_.out_of_time()) (this->*pass)();
    return std::move(graph_);
  }

 private:
  std::size_t cpu_node(std::int32_t cpu) { return graph_.thing(NodeRef::cpu(cpu)); }
  std::size_t rcu_node() { return graph_.thing(NodeKind::rcu_grace_period); }

  void add_reaper_edges() {
    for (const Reaper& reaper : reapers_.all()) {
      const std::size_t from = graph_.task_node(*reaper.task);
      const std::size_t space = graph_.add(NodeRef::namespace_of(*reaper.task));
      graph_.connect(from, space, Reason::namespace_not_empty, reaper.proofs);
      for (const Task* member : reaper.members)
        graph_.connect(space, graph_.task_node(*member), Reason::is_member,
                       {{place_of(*member), member->label() + " state " + member->state.value_or('?')}});
    }
  }

  void add_site_edges() {
    for (const Task* task : scene_.tasks()) {
      const WaitSite* site = scene_.site_of(*task);
      if (site == nullptr) continue;
      const Stack* stack = scene_.stack_of(*task);
      const std::size_t from = graph_.task_node(*task);
      const Reason why = Reason::waits(matched_functions(*stack, *site));
      if (site->kind == WaitsFor::rcu_grace_period) {
        graph_.connect(from, rcu_node(), why, {proof(*stack, *task)});
        continue;
      }
      const bool freezer = site->kind == WaitsFor::cgroup;
      if (freezer && scene_.freezer_of(*task) != nullptr) continue;  // has an edge to that one
      NodeRef awaited = NodeRef::outside(site->object);
      if (freezer) awaited.kind = NodeKind::cgroup;
      graph_.connect(from, graph_.thing(awaited), why, {proof(*stack, *task)});
      // rmdir of a cgroup, and rcu_tasks, wait for tasks that are on their way out: a dying init is one of
      // them.
      if (site->kind == WaitsFor::dying)
        for (std::size_t number = 0; number < std::min(reapers_.all().size(), k_most_inferred); ++number)
          graph_.connect(from, graph_.task_node(*reapers_.all()[number].task),
                         Reason::for_dying(site->object), {proof(*stack, *task)}, true);
    }
  }

  void add_freezer_edges() {
    for (const Task* task : scene_.tasks()) {
      const CgroupState* freezer = scene_.freezer_of(*task);
      if (freezer == nullptr) continue;
      std::vector<Proof> proofs = {{freezer->where, freezer->version == 1 ? "FROZEN" : "frozen 1"}};
      if (const Stack* stack = scene_.stack_of(*task)) proofs.push_back(proof(*stack, *task));
      const std::size_t cgroup = graph_.thing(NodeRef::cgroup(printable(freezer->path, 128)));
      graph_.connect(graph_.task_node(*task), cgroup, Reason::frozen_by, std::move(proofs));
    }
  }

  void add_rcu_holders() {
    const bool reported = std::any_of(scene_.events().begin(), scene_.events().end(),
                                      [](const KernelEvent* event) { return shows_running(event->kind); });
    if (scene_.rcu_waiters().empty() && !reported) return;
    for (const KernelEvent* report : scene_.events()) {
      const KernelEvent& event = *report;
      if (!shows_running(event.kind)) continue;
      const bool stall = event.kind == EventKind::rcu_stall || event.kind == EventKind::rcu_expedited_stall;
      for (const std::int32_t cpu : event.cpus) {
        graph_.connect(rcu_node(), cpu_node(cpu), Reason::no_quiescent_state, {proof(event)}, !stall);
        const Task* named = event.cpus.size() == 1 ? scene_.task_of(event) : nullptr;
        if (named != nullptr)
          graph_.connect(cpu_node(cpu), graph_.task_node(*named), Reason::keeps_cpu, {proof(event)});
      }
    }
    for (const Task* task : scene_.tasks()) {
      const Reaper* reaper = reapers_.at(*task);
      const bool running_reaper = reaper != nullptr && (reaper->running || reaper->candidate) &&
                                  reaper->place != ZapPlace::second_loop;
      if (!spins(*task) && !running_reaper) continue;
      const Reason why = Reason::never_schedules;
      if (!task->processor) {
        graph_.connect(rcu_node(), graph_.task_node(*task), why,
                       {{place_of(*task), task->label() + " does not leave its CPU"}}, true);
        continue;
      }
      const Proof seen = {place_of(*task),
                          task->label() + " does not leave CPU " + std::to_string(*task->processor)};
      graph_.connect(rcu_node(), cpu_node(*task->processor), why, {seen}, true);
      graph_.connect(cpu_node(*task->processor), graph_.task_node(*task), Reason::keeps_cpu, {seen});
    }
  }

  void add_process_edges() {
    for (const Task* task : scene_.tasks()) {
      if (zombie(*task) && task->is_leader()) {
        bool live = false;
        for (const Task* thread : scene_.index().of_process(*task->tgid)) {
          if (thread == task || zombie(*thread)) continue;
          live = true;
          graph_.connect(graph_.task_node(*task), graph_.task_node(*thread), Reason::live_threads,
                         {{place_of(*thread), thread->label() + " is a live thread of " + task->label()}});
        }
        const Task* parent = task->ppid && *task->ppid > 0 ? scene_.index().by_tid(*task->ppid) : nullptr;
        if (!live && parent != nullptr)
          graph_.connect(
              graph_.task_node(*task), graph_.task_node(*parent), Reason::parent_must_reap,
              {{place_of(*task), task->label() + " is a zombie, its parent is " + parent->label()}});
      }
      if (task->tracer_pid && *task->tracer_pid > 0) {
        const Proof seen = {place_of(*task),
                            task->label() + ": TracerPid " + std::to_string(*task->tracer_pid)};
        if (const Task* tracer = scene_.index().by_tid(*task->tracer_pid)) {
          graph_.connect(graph_.task_node(*task), graph_.task_node(*tracer), Reason::is_traced, {seen});
          continue;
        }
        graph_.connect(graph_.task_node(*task), graph_.thing(NodeRef::tracer(*task->tracer_pid)),
                       Reason::is_traced, {seen});
      }
    }
  }

  void add_io_worker_edges() {
    // Workers are named after the thread that created them: create_io_worker(), io_uring/io-wq.c.
    std::multimap<std::int32_t, const Task*> by_creator;
    for (const Task* worker : scene_.tasks()) {
      if (!io_uring_thread(*worker) || zombie(*worker)) continue;
      if (const auto creator = parse_number<std::int32_t>(worker->comm->substr(worker->comm->rfind('-') + 1)))
        by_creator.emplace(*creator, worker);
    }
    for (const Task* task : scene_.tasks()) {
      const WaitSite* site = scene_.site_of(*task);
      if (site == nullptr || site->cause != CauseId::io_uring_exit || !task->tid || !task->tgid) continue;
      const auto [first, last] = by_creator.equal_range(*task->tid);
      for (auto at = first; at != last; ++at) {
        const Task* worker = at->second;
        if (worker == task || !worker->tgid.is(*task->tgid)) continue;
        graph_.connect(graph_.task_node(*task), graph_.task_node(*worker), Reason::io_worker,
                       {{place_of(*worker), worker->label() + " was created by " + task->label()}});
      }
    }
  }

  const Scene& scene_;
  const Reapers& reapers_;
  WaitGraph graph_;
};

}  // namespace

WaitGraph build_graph(const Scene& scene, const Reapers& reapers) {
  return Builder(scene, reapers).build();
}

}  // namespace unzap
