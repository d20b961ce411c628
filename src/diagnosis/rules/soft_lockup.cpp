// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/soft_lockup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace unzap {

namespace {

bool stopped(const KernelEvent* event) {
  return event->stack && in_stop_machine(*event->stack);
}

/// The reports of CPUs that nothing else explains.
std::vector<const KernelEvent*> unexplained(const Picture& picture) {
  std::set<const KernelEvent*> of_reapers;
  for (const Reaper& reaper : picture.reapers.all())
    of_reapers.insert(reaper.lockups.begin(), reaper.lockups.end());
  std::vector<const KernelEvent*> events;
  bool reaper_spins = false;
  for (const KernelEvent* event : picture.scene.events()) {
    if (event->kind != EventKind::soft_lockup && event->kind != EventKind::hard_lockup) continue;
    const bool of_reaper = of_reapers.contains(event);
    if (!of_reaper) events.push_back(event);
    reaper_spins |= of_reaper;
  }
  // In stop_machine() a CPU waits for the one that does not come, if that one is reported too.
  if (reaper_spins || !std::all_of(events.begin(), events.end(), stopped)) std::erase_if(events, stopped);
  return events;
}

/// Reports of one task belong together; of one that names none, those of the same CPUs.
std::vector<std::vector<const KernelEvent*>> by_holder(const std::vector<const KernelEvent*>& events) {
  std::map<std::pair<std::int32_t, std::vector<std::int32_t>>, std::size_t> numbers;
  std::vector<std::vector<const KernelEvent*>> out;
  for (const KernelEvent* event : events) {
    const auto key =
        std::pair(event->tid.value_or(0), event->tid ? std::vector<std::int32_t>{} : event->cpus);
    const auto [at, fresh] = numbers.try_emplace(key, out.size());
    if (fresh) out.emplace_back();
    out[at->second].push_back(event);
  }
  return out;
}

Finding make(const Picture& picture, const std::vector<const KernelEvent*>& events) {
  const KernelEvent& first = *events.front();
  const Task* task = picture.scene.task_of(first);
  const bool now =
      picture.scene.snapshot().origin == Origin::live || picture.scene.snapshot().origin == Origin::bundle;
  Finding finding;
  finding.cause = CauseId::soft_lockup;
  finding.confidence = now ? Confidence::possible : Confidence::likely;
  const std::string who = task != nullptr ? task->label() : "a task";
  finding.summary = fmt::format(
      "{} held a CPU without coming to schedule(); it is not a dying init, and no container teardown "
      "is shown to hang on it",
      who);
  if (task != nullptr) finding.culprit = party(*task, Role::holds_cpu);
  for (std::size_t at = 0; at < events.size() && at < 5; ++at) cite(finding, *events[at]);
  const NodeRef runner = task != nullptr ? NodeRef::of(*task) : NodeKind::task;
  finding.chain.push_back({runner, NodeKind::nobody, Reason::runs, false, {finding.evidence.front().id}});
  advise(finding);
  return finding;
}

}  // namespace

Findings soft_lockup(const Picture& picture) {
  Findings out;
  for (const auto& events : by_holder(unexplained(picture))) {
    if (picture.scene.enough(out.size())) break;
    out.push_back(make(picture, events));
  }
  return out;
}

}  // namespace unzap
