// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "diagnosis/blind_spots.hpp"
#include "diagnosis/catalogue.hpp"
#include "diagnosis/fill_in.hpp"
#include "diagnosis/picture.hpp"
#include "diagnosis/rank.hpp"
#include "diagnosis/rules/reaper_busy_loop.hpp"
#include "diagnosis/runtime_process.hpp"
#include "util/assert.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

bool harmless(const Finding& finding) {
  return cause(finding.cause).kind == CauseKind::harmless;
}

/// A text in which a task is shown waiting: who pasted it says that it is stuck.
bool visibly_stuck(const Picture& picture) {
  const Origin origin = picture.scene.snapshot().origin;
  if (origin != Origin::text) return false;
  const auto& tasks = picture.scene.tasks();
  return !picture.reapers.all().empty() || std::any_of(tasks.begin(), tasks.end(), [&](const Task* task) {
    const bool dead_with_threads = task->state.is('Z') && task->multi_threaded.is(true);
    return task->state.is('D') || dead_with_threads || picture.scene.site_of(*task) != nullptr ||
           picture.scene.hold_of(*task) == Hold::lasting;
  });
}

/// The source looked at every task and at their states: then finding nothing means something.
bool could_have_shown(const Snapshot& snapshot) {
  const bool states = std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                                  [](const Task& task) { return static_cast<bool>(task.state); });
  return snapshot.all_tasks && states && !blind_spots(snapshot).any();
}

Verdict verdict_of(const Findings& findings, const Picture& picture) {
  const auto is_stuck = [](const Finding& finding) {
    return finding.confidence >= Confidence::likely && !harmless(finding);
  };
  if (std::any_of(findings.begin(), findings.end(), is_stuck)) return Verdict::stuck;
  const bool teardown = std::any_of(findings.begin(), findings.end(),
                                    [](const Finding& finding) { return !harmless(finding); });
  if (teardown) return visibly_stuck(picture) ? Verdict::stuck : Verdict::unknown;
  // A text shows what somebody chose: a zombie whose parent is not in it explains nothing yet.
  const bool explained = std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.confidence >= Confidence::likely;
  });
  if (explained && !blind_spots(picture.scene.snapshot()).any()) return Verdict::healthy;
  return could_have_shown(picture.scene.snapshot()) ? Verdict::healthy : Verdict::unknown;
}

/// A host seen for an instant, with no word of how long anything has lasted: whatever it shows may be over in
/// a millisecond.
bool one_look(const Snapshot& snapshot) {
  return snapshot.origin != Origin::text && snapshot.events.empty() &&
         std::none_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                      [](const Task& task) { return task.samples.size() >= 2 || task.blocked_seconds; });
}

/// Something on a host seen once that a second look could have told more of: on a CPU, or on its way out.
bool left_open(const Snapshot& snapshot) {
  return std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(), [](const Task& task) {
    return task.state.is('R') || (exiting(task) == true && !zombie(task));
  });
}

/// A counter of the kernel, and where it is read.
struct Count {
  Reading<std::uint64_t> since_boot;
  const char* file;
  const char* what;
};

Count count_of(Counter counter, const Host& host) {
  switch (counter) {
    case Counter::soft_lockups: return {host.soft_lockups, "/sys/kernel/softlockup_count", "soft lockup"};
    case Counter::hard_lockups: return {host.hard_lockups, "/sys/kernel/hardlockup_count", "hard lockup"};
    case Counter::rcu_stalls: return {host.rcu_stalls, "/sys/kernel/rcu_stall_count", "RCU stall"};
    case Counter::hung_tasks:
      return {host.hung_tasks, "/proc/sys/kernel/hung_task_detect_count", "hung task"};
  }
  UNZAP_ASSERT(false, "counter {}", static_cast<int>(counter));
  return {};
}

/// What the kernel has counted since it was booted, besides the findings that it speaks for. The counters
/// name no task, so they prove nothing by themselves; but they are still there when the log has lost the
/// reports.
void cite_counters(Finding& finding, const Host& host) {
  for (const Counter counter : cause(finding.cause).counters) {
    const Count seen = count_of(counter, host);
    const std::uint64_t count = seen.since_boot.value_or(0);
    if (count == 0) continue;
    finding.add_evidence(
        seen.file, fmt::format("{} {}{} since the host was booted", count, seen.what, count == 1 ? "" : "s"));
  }
}

/// Where a reboot is advised, what comes before it: nothing new onto the node, what must not be lost off it,
/// and what only this boot can still show. A reboot ends the evidence as well.
void advise_before_reboot(Finding& finding) {
  std::vector<Remedy>& all = finding.remedies;
  const auto find = [&](std::string_view id) {
    return std::find_if(all.begin(), all.end(), [id](const Remedy& remedy) { return remedy.id == id; });
  };
  if (find("reboot") == all.end()) return;
  if (find("cordon") == all.end())
    all.insert(find("reboot"),
               {"cordon",
                "Before a reboot: keep new work off the node and move the rest (kubectl cordon, then "
                "kubectl drain --ignore-daemonsets; pods that hang on this stay Terminating: do not wait "
                "for them)",
                "moved pods start anew elsewhere"});
  if (find("save-evidence") == all.end())
    all.insert(find("reboot"), {"save-evidence",
                                "Before a reboot, as root: unzap record -o FILE, dmesg, and echo w > "
                                "/proc/sysrq-trigger with dmesg again; copy them off the node"});
}

/// True when the finding is about the container or sandbox with this id; a log may cut it short.
bool about(const Finding& finding, std::string_view id) {
  constexpr std::size_t k_short_id = 12;
  if (id.size() < k_short_id) return false;
  const auto fits = [id](const std::string& other) { return other.starts_with(id); };
  if (finding.container && (fits(finding.container->id) || fits(finding.container->sandbox))) return true;
  return (finding.culprit && fits(finding.culprit->container)) ||
         std::any_of(finding.victims.begin(), finding.victims.end(),
                     [&](const Party& victim) { return fits(victim.container); });
}

/// What kubelet and runtimes say of containers that do not end: evidence of a finding that is about the very
/// container, else an open question with the way to its answer.
void add_symptoms(Diagnosis& out, const Snapshot& snapshot) {
  constexpr std::size_t k_most = 5;
  std::size_t told = 0;
  for (const Symptom& symptom : snapshot.symptoms) {
    bool tied = false;
    for (Finding& finding : out.findings)
      if (about(finding, symptom.container)) {
        finding.add_evidence(symptom.where, symptom.text);
        tied = true;
      }
    if (tied || ++told > k_most) continue;
    Limit& limit = out.limits.emplace_back(Limit{Limit::unexplained});
    limit.symptom = symptom;
  }
  if (told > k_most) out.limits.push_back({Limit::more_unexplained, told - k_most});
}

void add_limits(Diagnosis& out, const Snapshot& snapshot) {
  if (const BlindSpots hidden = blind_spots(snapshot); hidden.any())
    out.limits.insert(out.limits.begin(), Limit{Limit::hidden})->blind_spots = hidden;
  const auto unread = std::count_if(snapshot.tasks.begin(), snapshot.tasks.end(), [](const Task& task) {
    return task.stack.absence() != nullptr && *task.stack.absence() == Absence::not_permitted;
  });
  if (unread > 0) out.limits.push_back({Limit::stacks_refused, static_cast<std::size_t>(unread)});
  if (!snapshot.all_tasks && snapshot.origin != Origin::text) out.limits.push_back({Limit::tasks_missing});
  if (snapshot.tasks.empty() && snapshot.events.empty() && snapshot.symptoms.empty())
    out.limits.push_back({Limit::empty_input});
  if (one_look(snapshot) && (left_open(snapshot) || !out.findings.empty()))
    out.limits.push_back({Limit::one_look});
}

/// A task that exits, or a report about one: without either there is no dying init.
bool may_have_reaper(const Snapshot& snapshot) {
  return !snapshot.events.empty() ||
         std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                     [](const Task& task) { return exiting(task) != false && !zombie(task); });
}

/// What each rule says, as long as there is time; `limits` gets what was not asked.
Findings ask_rules(const Picture& picture, double seconds, std::vector<Limit>& limits) {
  Findings findings;
  std::size_t asked = 0;
  for (const Cause& known : catalogue()) {
    if (picture.scene.out_of_time()) break;
    Findings found = ask(known, picture);
    if (found.size() >= k_most_findings)
      limits.emplace_back(Limit{Limit::too_many_jams, k_most_findings}).cause = known.id;
    std::move(found.begin(), found.end(), std::back_inserter(findings));
    ++asked;
  }
  if (picture.scene.out_of_time())
    limits.push_back({Limit::out_of_time, catalogue().size() - asked, catalogue().size(), seconds});
  return findings;
}

}  // namespace

Diagnosis diagnose(const Snapshot& snapshot, double seconds) {
  const Deadline deadline = Deadline::after(seconds);
  const Picture picture(snapshot, deadline);
  Diagnosis out;
  Findings findings = ask_rules(picture, seconds, out.limits);
  const bool whole = !picture.scene.out_of_time();
  if (one_look(snapshot))
    for (Finding& finding : findings)
      if (cause(finding.cause).passes_by_itself) finding.confidence = Confidence::possible;
  for (Finding& finding : findings) {
    cite_counters(finding, snapshot.host);
    advise_before_reboot(finding);
    name_container(finding, picture.scene.index());
    fill_in(finding);
  }
  out.findings = rank(std::move(findings), picture, out.limits);
  out.verdict = verdict_of(out.findings, picture);
  if (!whole && out.verdict == Verdict::healthy) out.verdict = Verdict::unknown;
  add_symptoms(out, snapshot);
  add_limits(out, snapshot);
  return out;
}

bool wait_fix_matters(const Snapshot& snapshot, double seconds) {
  if (!may_have_reaper(snapshot)) return false;
  const Picture picture(snapshot, Deadline::after(seconds));
  return !picture.reapers.all().empty() && !reaper_busy_loop(picture).empty();
}

}  // namespace unzap
