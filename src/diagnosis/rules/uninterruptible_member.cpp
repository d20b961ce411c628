// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/uninterruptible_member.hpp"

#include <fmt/format.h>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

bool unexplained(const WaitGraph& graph, const Task& task) {
  if (!task.state.is('D') || kernel_thread(task) || graph.site_of(task) != nullptr) return false;
  const Stack* stack = graph.stack_of(task);
  if (stack == nullptr) return true;
  // A stack without a known place, below do_exit(), belongs to exit-path-wait; in zap, to the init's rules.
  return !stack->has("do_exit") && zap_place(*stack) == ZapPlace::none;
}

}  // namespace

Findings uninterruptible_member(const WaitGraph& graph) {
  const bool chosen = graph.snapshot().origin == Origin::text || graph.snapshot().origin == Origin::model;
  SiteHits hits;
  for (const Task* task : graph.tasks()) {
    if (!unexplained(graph, *task)) continue;
    const Reaper* reaper = graph.reaper_over(*task);
    const bool zap = reaper != nullptr && reaper->task == task;
    if (zap || (reaper == nullptr && !chosen)) continue;
    if (!chosen && graph.hold_of(*task) != Hold::lasting) continue;
    if (!chosen && graph.reported_hung(*task) && reaper == nullptr) continue;
    // A hung task report with a stack is one of hung-task's, unless the task belongs to a dying namespace.
    if (reaper == nullptr && graph.reported_hung(*task) && graph.stack_of(*task) != nullptr) continue;
    const bool dying = reaper != nullptr || exiting(*task) == true;
    hits.confidence = std::max(hits.confidence, dying ? Confidence::likely : Confidence::possible);
    hits.tasks.push_back(task);
  }
  if (hits.tasks.empty()) return {};
  Finding finding = site_finding(graph, "uninterruptible-member", hits);
  const Task& first = *hits.tasks.front();
  finding.culprit = party(first, "in state D, and nothing tells why");
  finding.summary = fmt::format("{} {} in state D (uninterruptible), and nothing tells what for",
                                some_of(hits.tasks), hits.tasks.size() == 1 ? "is" : "are");
  if (finding.chain.empty())
    finding.chain.push_back({first.label(), "something that is not shown", {finding.evidence.front().id}});
  const std::string tid = first.tid ? std::to_string(*first.tid) : "<tid>";
  finding.refuted_by = {"its state is another one a minute later: slow I/O"};
  finding.next_evidence = {
      fmt::format("cat /proc/{0}/stack /proc/{0}/wchan; for t in /proc/{0}/task/*; do echo $t; cat $t/comm "
                  "$t/stack; done",
                  tid),
      fmt::format("grep -E 'State|Threads|NSpid|TracerPid|Pnd' /proc/{}/status", tid),
      "dmesg | grep -E 'blocked for more|soft lockup|rcu.*stall'",
      "all blocked tasks with stacks (writes to the kernel log): echo w > /proc/sysrq-trigger; dmesg | tail "
      "-300",
  };
  finding.remedies = {
      {"collect",
       "Read its stack (as root, commands above) and diagnose again: the remedy depends on what it waits for",
       "none"},
      {"no-kill", "SIGKILL stays pending until the wait ends", "none"},
  };
  return {std::move(finding)};
}

}  // namespace unzap
