// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/exit_path_wait.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// Waits below do_exit() in a function that no table names. A dying init in zap has rules of its own.
bool unknown_place(const WaitGraph& graph, const Task& task) {
  const Stack* stack = graph.stack_of(task);
  if (stack == nullptr || graph.site_of(task) != nullptr || !stack->has("do_exit")) return false;
  const bool dead_end = stack->top() == "do_exit" || stack->top() == "do_task_dead";
  return !dead_end && zap_place(*stack) == ZapPlace::none && stack->origin != StackOrigin::oops &&
         graph.hold_of(task) > Hold::instant;
}

std::vector<Hit> leaving(const WaitGraph& graph) {
  std::vector<Hit> hits = site_hits(graph, CauseId::exit_path_wait);
  std::erase_if(hits, [](const Hit& hit) { return exiting(*hit.task) != true; });
  for (const Task* task : graph.tasks()) {
    if (!unknown_place(graph, *task)) continue;
    if (const auto found = weight(graph, *task)) hits.push_back({task, *found});
  }
  return hits;
}

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::exit_path_wait, hits);
  const Task& first = *hits.tasks.front();
  if (graph.site_of(first) == nullptr) {
    const Stack& stack = *graph.stack_of(first);
    finding.culprit->role = Role::waits_in_exit;
    finding.summary =
        fmt::format("{} hangs on its way out, inside do_exit(), in {}", some_of(hits.tasks), stack.top());
    Link link{NodeRef::of(first), NodeRef::below_do_exit(innermost(stack, 4))};
    link.evidence = {finding.evidence[0].id};
    finding.chain.push_back(std::move(link));
  }
  advise(finding);
  return finding;
}

}  // namespace

Findings exit_path_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, leaving(graph)), make);
}

}  // namespace unzap
