// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/traced_member.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

bool held_by_tracer(const WaitGraph& graph, const Task& task) {
  if (task.tracer_pid.value_or(0) <= 0) return false;
  return zombie(task) || exiting(task) == true || graph.reaper_over(task) != nullptr;
}

/// Zombies that are not the leader of their process. One at a time passes through this state on its way out;
/// on a live host that is all it means.
std::vector<const Task*> zombie_threads(const WaitGraph& graph) {
  std::map<std::int32_t, std::vector<const Task*>> by_process;
  for (const Task* task : graph.tasks())
    if (task->state.is('Z') && task->tgid) by_process[*task->tgid].push_back(task);
  std::vector<const Task*> found;
  for (const auto& [process, tasks] : by_process)
    for (const Task* task : tasks)
      if (task->tid ? *task->tid != process : tasks.size() > 1) found.push_back(task);
  return found;
}

/// Bare state lines without a name or a number come from a look at the threads of one process
/// (grep State /proc/<pid>/task/*/status); a listing of processes would name them.
std::vector<const Task*> nameless_zombies(const WaitGraph& graph) {
  std::vector<const Task*> zombies;
  bool others = false;
  for (const Task* task : graph.tasks()) {
    if (task->tid || task->tgid || task->comm || !task->state || graph.stack_of(*task) != nullptr) continue;
    if (zombie(*task)) {
      zombies.push_back(task);
    } else {
      others = true;
    }
  }
  return others && zombies.size() > 1 ? zombies : std::vector<const Task*>{};
}

void advise(Finding& finding) {
  finding.refuted_by = {"TracerPid is 0 for every task of the container",
                        "the tracer reaps the task within seconds"};
  finding.next_evidence = {
      "grep -H TracerPid /proc/[0-9]*/task/*/status 2>/dev/null | grep -v ':.0$'",
      "ps -o pid,ppid,stat,wchan:30,args -p <tracer>",
      "grep -E 'State|TracerPid|NSpid' /proc/<pid>/task/*/status",
  };
  finding.remedies = {
      {"detach",
       "Make the tracer detach or end: quit the debugger, kill strace, gdb, rr or the profiler by its pid",
       "its session is lost"},
      {"kill-tracer",
       "kill -9 <tracer>: when a tracer dies its tracees are detached, and the zombies go to their parent",
       "as above; tracees with PTRACE_O_EXITKILL are killed"},
  };
  finding.references.push_back(
      "ptrace(2); kernel/exit.c: wait_consider_task(), a zombie that another one traces");
  finding.references.push_back(
      "commit bf959931ddb8 (4.7): wait/ptrace: assume __WALL if the child is traced");
}

}  // namespace

Findings traced_member(const WaitGraph& graph) {
  std::vector<const Task*> held;
  for (const Task* task : graph.tasks())
    if (held_by_tracer(graph, *task)) held.push_back(task);
  const bool chosen = graph.snapshot().origin == Origin::text || graph.snapshot().origin == Origin::model;
  const bool named = !held.empty();
  if (chosen) {
    for (const Task* task : zombie_threads(graph))
      if (std::find(held.begin(), held.end(), task) == held.end()) held.push_back(task);
  }
  // A stop without a tracer's number: normal life under a debugger, unless the task is on its way out.
  const auto stopped = chosen && held.empty() ? site_hits(graph, "traced-member") : std::nullopt;
  const bool only_stopped = stopped && exiting(*stopped->tasks.front()) != true;
  if (stopped) held = stopped->tasks;
  const bool guessed = held.empty();
  if (guessed && chosen) held = nameless_zombies(graph);
  if (held.empty()) return {};
  // A live tracer may be about to reap: the init must have been seen waiting for as long as the window was.
  const bool waited = chosen || std::any_of(held.begin(), held.end(), [&](const Task* task) {
                        const Reaper* reaper = graph.reaper_over(*task);
                        return reaper != nullptr && graph.rests(*reaper);
                      });
  Finding finding =
      site_finding(graph, "traced-member",
                   {held, waited && !guessed && !only_stopped ? Confidence::likely : Confidence::possible});
  const Task& first = *held.front();
  const Task* tracer = named ? graph.index().by_tid(*first.tracer_pid) : nullptr;
  finding.culprit.reset();
  if (tracer != nullptr) {
    finding.culprit = party(*tracer, "traces and does not let go");
  } else if (named) {
    Party unknown;
    unknown.pid = *first.tracer_pid;
    unknown.tid = *first.tracer_pid;
    unknown.role = "traces and does not let go";
    finding.culprit = unknown;
  }
  add_victim(finding, first, "traced");
  finding.summary =
      fmt::format("{} {} held by a tracer{}", some_of(held), held.size() == 1 ? "is" : "are",
                  named ? fmt::format(" (pid {})", *first.tracer_pid)
                        : ": dead threads release themselves unless one traces them (who does is not shown)");
  if (finding.chain.empty())
    finding.chain.push_back(
        {first.label(), "its tracer to reap or detach it", {finding.evidence.front().id}});
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
