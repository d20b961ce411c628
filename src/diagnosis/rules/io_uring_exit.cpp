// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/io_uring_exit.hpp"

#include <algorithm>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// True when the graph shows a live worker or SQPOLL thread that one of the tasks waits for.
bool worker_shown(const Picture& picture, const std::vector<const Task*>& tasks) {
  return std::any_of(tasks.begin(), tasks.end(), [&](const Task* task) {
    const auto node = picture.graph.node_of(*task);
    if (!node) return false;
    const auto edges = picture.graph.out(*node);
    return std::any_of(edges.begin(), edges.end(), [&](const Edge* edge) {
      const Task* other = picture.graph.nodes()[edge->to].task;
      return other != nullptr && io_uring_thread(*other);
    });
  });
}

/// Tasks that a lockup or stall report finds in a loop that cancels requests (fddcf4c5321b, da579f05ef0f).
std::vector<const Task*> cancel_spinners(const Picture& picture) {
  std::vector<const Task*> found;
  for (const KernelEvent* event : picture.scene.events()) {
    const bool runs = event->kind == EventKind::soft_lockup || event->kind == EventKind::rcu_stall ||
                      event->kind == EventKind::rcu_expedited_stall;
    if (!runs || !event->stack) continue;
    const bool cancels =
        !event->stack
             ->first_of({"io_uring_try_cancel_requests", "io_uring_cancel_generic", "io_ring_exit_work",
                         "io_uring_try_cancel_iowq", "__io_uring_cancel"})
             .empty();
    const Task* task = picture.scene.task_of(*event);
    if (cancels && task != nullptr && std::find(found.begin(), found.end(), task) == found.end())
      found.push_back(task);
  }
  return found;
}

std::vector<Hit> leaving(const Picture& picture) {
  std::vector<Hit> hits = site_hits(picture, CauseId::io_uring_exit);
  for (const Task* task : cancel_spinners(picture)) hits.push_back({task, Confidence::likely});
  return hits;
}

Finding make(const Picture& picture, const SiteHits& hits) {
  Finding finding = site_finding(picture, CauseId::io_uring_exit, hits);
  if (picture.scene.site_of(*hits.tasks.front()) == nullptr) {
    finding.summary = hits.tasks.front()->label() + " loops while it cancels io_uring requests";
    finding.culprit->role = Role::cancels_requests;
    Link link{NodeRef::of(*hits.tasks.front()), NodeKind::io_uring_requests};
    link.evidence = {finding.evidence.front().id};
    finding.chain.push_back(std::move(link));
  }
  const bool waits_for_workers = std::any_of(hits.tasks.begin(), hits.tasks.end(), [&](const Task* task) {
    const Stack* stack = picture.scene.stack_of(*task);
    return stack != nullptr && !stack->first_of({"io_wq_put_and_exit", "io_wq_exit_workers"}).empty();
  });
  if (waits_for_workers && picture.scene.snapshot().all_tasks && !worker_shown(picture, hits.tasks))
    finding.summary +=
        "; no worker of it is alive, so a worker reference was lost (slow I/O does not look so)";
  advise(finding);
  return finding;
}

}  // namespace

Findings io_uring_exit(const Picture& picture) {
  return findings_of(picture, per_jam(picture, leaving(picture)), make);
}

}  // namespace unzap
