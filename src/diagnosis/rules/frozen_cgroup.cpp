// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/frozen_cgroup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "diagnosis/rules/site_rule.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

bool kill_pending(const Task& task) {
  const std::uint64_t kill = signal_bit(9);
  return (task.pending_private.value_or(0) & kill) != 0 || (task.pending_shared.value_or(0) & kill) != 0;
}

const CgroupState* freezer_of(const Snapshot& snapshot, const Task& task) {
  for (const CgroupState& state : snapshot.cgroups)
    if (task.cgroup && *task.cgroup == state.path) return &state;
  // A text that shows one freezer shows it because of the tasks beside it.
  return snapshot.origin == Origin::text && snapshot.cgroups.size() == 1 ? &snapshot.cgroups.front()
                                                                         : nullptr;
}

std::optional<Confidence> judge(const WaitGraph& graph, const Task& task) {
  const Snapshot& snapshot = graph.snapshot();
  const CgroupState* freezer = freezer_of(snapshot, task);
  const bool frozen = freezer != nullptr && (freezer->frozen.is(true) || freezer->freeze_asked.is(true));
  const bool wanted = kill_pending(task) || graph.reaper_over(task) != nullptr;
  const bool v1 = graph.stack_of(task)->has("__refrigerator");
  if (v1 && kill_pending(task) && frozen) return Confidence::certain;
  if (snapshot.origin == Origin::text || graph.reported_hung(task)) return Confidence::likely;
  if (wanted) return v1 ? Confidence::likely : Confidence::possible;
  return std::nullopt;
}

void advise(Finding& finding) {
  finding.refuted_by = {
      "freezer.state (v1) is THAWED, or cgroup.freeze (v2) is 0, in the task's cgroup and in all above it",
      "the task's stack has no freezer function a second later: it was only passing through",
  };
  finding.next_evidence = {
      "cat /proc/<pid>/cgroup",
      "v1: d=/sys/fs/cgroup/freezer/<path>; grep -H . $d/freezer.state $d/freezer.self_freezing "
      "$d/freezer.parent_freezing",
      "v2: d=/sys/fs/cgroup/<path>; grep -H . $d/cgroup.freeze $d/cgroup.events; for t in $(cat "
      "$d/cgroup.threads); do "
      "echo $t; cat /proc/$t/stack; done",
      "grep -E 'SigPnd|ShdPnd' /proc/<pid>/task/*/status",
  };
  finding.remedies = {
      {"thaw",
       "Thaw it: v1 echo THAWED > freezer.state, v2 echo 0 > cgroup.freeze; first in the cgroup above when "
       "that "
       "one is frozen",
       "the tasks run again for as long as SIGKILL takes to reach them"},
      {"unpause",
       "If it was paused on purpose: docker unpause, ctr task resume, crictl (through the runtime)",
       "as above"},
      {"end-straggler",
       "A v2 freeze that does not complete: end the thread that does not come to the freezer (the one "
       "without a freezer function on its stack)",
       "that thread's work is lost"},
  };
  finding.references.push_back(
      "kernel/freezer.c: __refrigerator(); kernel/cgroup/freezer.c; kernel/signal.c: "
      "do_freezer_trap()");
  finding.references.push_back(
      "opencontainers/runc pull request 3217: in cgroup v1 SIGKILL does nothing while frozen");
}

}  // namespace

Findings frozen_cgroup(const WaitGraph& graph) {
  SiteHits hits;
  for (const Task* task : graph.tasks()) {
    const WaitSite* site = graph.site_of(*task);
    if (site == nullptr || site->cause != "frozen-cgroup") continue;
    const auto found = judge(graph, *task);
    if (!found) continue;
    hits.confidence = std::max(hits.confidence, *found);
    hits.tasks.push_back(task);
  }
  const CgroupState* half = nullptr;
  for (const CgroupState& state : graph.snapshot().cgroups)
    if (state.freeze_asked.is(true) && state.frozen.is(false)) half = &state;
  if (hits.tasks.empty()) return {};
  Finding finding = site_finding(graph, "frozen-cgroup", hits);
  if (half != nullptr) {
    finding.summary +=
        fmt::format("; the freeze of {} was asked for and has not completed", printable(half->path, 128));
    finding.add_evidence(half->where, "freeze asked, frozen 0");
    for (const Task* task : graph.tasks()) {
      const Stack* stack = graph.stack_of(*task);
      const bool same = !task->cgroup || *task->cgroup == half->path;
      if (stack == nullptr || !same || graph.site_of(*task) != nullptr || zombie(*task)) continue;
      finding.culprit = party(*task, "does not come to the freezer: " + stack_line(*stack, 3));
      cite(finding, graph, *task);
      add_victim(finding, *hits.tasks.front(), "waits in the freezer");
      break;
    }
  }
  advise(finding);
  return {std::move(finding)};
}

}  // namespace unzap
