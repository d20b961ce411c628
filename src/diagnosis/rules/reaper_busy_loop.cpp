// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/reaper_busy_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_cited = 24;

/// What there is to see of one reaper that may spin.
struct Sight {
  bool own_stack = false;  ///< its stack in the first loop, taken while it was on a CPU
  bool lock_spin = false;  ///< that stack stands in a spinlock's slow path instead of in the loop itself
  bool reported = false;   ///< a soft lockup or RCU stall report is about it or its CPU
  bool rcu_stall = false;  ///< one of them is an RCU stall report
  double window = 0;       ///< seconds over which it was seen to spin; 0: not seen
  std::vector<const Task*> members;  ///< members of its namespace in an expedited wait from mount teardown
  std::vector<const Task*> others;   ///< other tasks of the host in an RCU wait, as many as are named
  std::size_t waiting = 0;           ///< all of them, members included
  bool victim_lasts = false;         ///< one of them is shown not to move
  bool member_lasts = false;         ///< one of `members` is
  std::vector<const KernelEvent*> stopped;  ///< the first report of each CPU that stands in stop_machine()
};

/// stop_machine() waits for all CPUs, and they wait with it: for the spinner none of them does anything else.
std::vector<const KernelEvent*> stopped_cpus(const Snapshot& snapshot) {
  std::vector<const KernelEvent*> out;
  std::set<std::vector<std::int32_t>> seen;
  for (const KernelEvent& event : snapshot.events)
    if (event.kind == EventKind::soft_lockup && event.stack && in_stop_machine(*event.stack) &&
        seen.insert(event.cpus).second)
      out.push_back(&event);
  return out;
}

bool preempts_kernel_code(const Host& host) {
  return host.preemption && preempts_kernel_code(*host.preemption);
}

std::string_view preemptible(Preemption model) {
  if (model == Preemption::lazy) return "preempts kernel code, at the next tick at the latest";
  return model == Preemption::rt ? "is built with PREEMPT_RT" : "is fully preemptible";
}

bool in_lock_slowpath(const Stack& stack) {
  return !stack
              .first_of({"native_queued_spin_lock_slowpath", "queued_spin_lock_slowpath",
                         "__pv_queued_spin_lock_slowpath", "queued_read_lock_slowpath",
                         "queued_write_lock_slowpath"})
              .empty();
}

/// What all reapers of a host share.
struct Surroundings {
  std::vector<const KernelEvent*> stopped;
  std::map<const Reaper*, std::vector<const Task*>> waiters;  ///< of RCU, by namespace; null: of none
  bool waiter_lasts = false;
};

Surroundings look_around(const Picture& picture) {
  Surroundings out;
  out.stopped = stopped_cpus(picture.scene.snapshot());
  for (const Task* task : picture.scene.rcu_waiters()) {
    out.waiters[picture.reapers.over(*task)].push_back(task);
    out.waiter_lasts |= picture.scene.hold_of(*task) == Hold::lasting;
  }
  return out;
}

/// The RCU waiters: those of the reaper's own namespace that tear a mount namespace down, and as many of the
/// others as a finding names.
void add_waiters(Sight& sight, const Picture& picture, const Reaper& reaper, const Surroundings& around) {
  sight.waiting = picture.scene.rcu_waiters().size();
  sight.victim_lasts = around.waiter_lasts;
  if (const auto own = around.waiters.find(&reaper); own != around.waiters.end())
    for (const Task* task : own->second) {
      const Stack& stack = *picture.scene.stack_of(*task);
      const bool member = mount_teardown(stack) && rcu_expedited_wait(stack);
      (member ? sight.members : sight.others).push_back(task);
      sight.member_lasts |= member && picture.scene.hold_of(*task) >= Hold::pasted;
    }
  // Of those that are too many to name, their containers are named all the same.
  for (const Task* task : picture.scene.rcu_waiters())
    if ((sight.others.size() < k_most_victims || task->container) && picture.reapers.over(*task) != &reaper)
      sight.others.push_back(task);
}

Sight look(const Picture& picture, const Reaper& reaper, const Surroundings& around) {
  Sight sight;
  sight.own_stack = reaper.running && reaper.stack != nullptr && reaper.place == ZapPlace::first_loop &&
                    reaper.stack->origin != StackOrigin::proc_stack;
  sight.lock_spin = sight.own_stack && in_lock_slowpath(*reaper.stack);
  sight.reported = !reaper.lockups.empty();
  for (const KernelEvent* event : reaper.lockups)
    sight.rcu_stall |= event->kind == EventKind::rcu_stall || event->kind == EventKind::rcu_expedited_stall;
  sight.stopped = around.stopped;
  const auto found = rate(*reaper.task);
  if (found && found->system_percent >= k_spin_percent && found->switches.is(0))
    sight.window = found->seconds;
  add_waiters(sight, picture, reaper, around);
  return sight;
}

/// Nothing: the evidence is not there, or says that the reaper sleeps as it should.
std::optional<Confidence> judge(const Picture& picture, const Reaper& reaper, const Sight& sight) {
  const bool chosen = picture.scene.snapshot().origin == Origin::text;
  if (reaper.place == ZapPlace::second_loop || reaper.place == ZapPlace::elsewhere) return std::nullopt;
  if (sight.own_stack) {
    if (sight.lock_spin) return Confidence::possible;
    // A profile shows the loop for a moment, and every container's end comes through it; that the thread
    // never leaves it is shown by the window.
    if (reaper.stack->origin == StackOrigin::perf && !sight.reported)
      return sight.window >= k_lasting_seconds ? Confidence::certain : Confidence::possible;
    return sight.reported ? Confidence::certain : Confidence::likely;
  }
  if (reaper.place == ZapPlace::first_loop && !reaper.running) return std::nullopt;
  if (sight.window >= k_lasting_seconds && (sight.member_lasts || sight.rcu_stall))
    return Confidence::certain;
  // zap_pid_ns_processes() ignores SIGCHLD as its first act: with it the thread is past closing files and the
  // like.
  const bool in_zap = (reaper.task->ignored.value_or(0) & signal_bit(17)) != 0;
  if (sight.window >= k_lasting_seconds && in_zap) return Confidence::likely;
  if (!reaper.running && !reaper.candidate) return std::nullopt;
  const bool victims = !sight.members.empty() || !sight.others.empty();
  if (sight.reported || (victims && sight.victim_lasts)) return Confidence::likely;
  if (chosen && victims) return Confidence::likely;
  if (!sight.members.empty() || sight.window > 0 || chosen) return Confidence::possible;
  return std::nullopt;  // an init that is exiting and happens to be on a CPU: every container end looks so
}

void tell(Finding& finding, const Picture& picture, const Reaper& reaper, const Sight& sight) {
  const Task& spinner = *reaper.task;
  finding.culprit = party(spinner, Role::spins_in_first_loop);
  const bool sure = finding.confidence == Confidence::certain;
  finding.summary = fmt::format(
      "{} is the last thread of a dying container's init and {} in zap_pid_ns_processes(): kernel_wait4() "
      "returns at "
      "once because a notify signal (TIF_NOTIFY_SIGNAL) stays pending, so the thread never sleeps",
      spinner.label(), sure ? "spins" : "by all signs spins");
  if (spinner.processor)
    finding.summary += fmt::format(" and CPU {} reports no RCU quiescent state", *spinner.processor);
  const std::size_t waiting = sight.waiting;
  if (waiting > 0)
    finding.summary += fmt::format("; {} task{} wait{} for RCU behind it", waiting, waiting == 1 ? "" : "s",
                                   waiting == 1 ? "s" : "");
  if (const std::size_t cpus = sight.stopped.size(); cpus > 0)
    finding.summary += fmt::format("; {} more CPU{} stand{} still in stop_machine(), which waits for it too",
                                   cpus, cpus == 1 ? "" : "s", cpus == 1 ? "s" : "");
  for (std::size_t at = 0; at < reaper.lockups.size() && at < k_most_cited; ++at)
    cite(finding, *reaper.lockups[at]);
  for (std::size_t at = 0; at < sight.stopped.size() && at < k_most_cited; ++at)
    cite(finding, *sight.stopped[at]);
  cite(finding, picture, spinner);
  if (sight.window > 0)
    finding.add_evidence(
        place_of(spinner),
        fmt::format("{} did not leave its CPU for {:.1f} s; state letters seen: {} {}", spinner.label(),
                    sight.window, spinner.samples.front().state, spinner.samples.back().state));
}

/// What the kernel's own code says to it. With the fix the thread spins for another reason, or the loop is
/// not the one that was read.
void add_code(Finding& finding, const Host& host) {
  const WaitFix* fix = host.wait_fix.get();
  if (fix == nullptr) return;
  const std::string said = said_by_code(*fix);
  finding.add_evidence("code of zap_pid_ns_processes",
                       fix->sleeps() ? said + "; this speaks against the finding" : said);
  if (fix->sleeps())
    finding.summary +=
        "; but the code of this kernel has the fix, so a pending signal cannot be why it spins";
}

/// How sure it is in a kernel that has the fix: the signs stand, and the cause that they are signs of is
/// ruled out.
std::optional<Confidence> weigh_code(std::optional<Confidence> confidence, const Host& host) {
  if (!wait_sleeps(host)) return confidence;
  return confidence && *confidence > Confidence::possible ? std::optional(Confidence::possible)
                                                          : std::nullopt;
}

void add_victims(Finding& finding, const Picture& picture, const Reaper& reaper, const Sight& sight) {
  const auto add = [&](const Task& task) {
    const Stack& stack = *picture.scene.stack_of(task);
    if (finding.victims.size() < k_most_cited) cite(finding, picture, task);
    const std::string_view function =
        stack.first_of({"exp_funnel_lock", "synchronize_rcu_expedited", "rcu_exp_wait_wake",
                        "synchronize_rcu", "__wait_rcu_gp", "rcu_barrier"});
    add_victim(finding, task, Role::waits({std::string(function)}));
    const Task* leader = task.tgid ? picture.scene.index().by_tid(*task.tgid) : nullptr;
    if (leader != nullptr && leader != &task && zombie(*leader))
      add_victim(finding, *leader, Role::behind(task));
  };
  for (const Task* task : sight.members) add(*task);
  for (const Task* task : sight.others) add(*task);
  for (const Task* task : reaper.members)
    if (zombie(*task)) add_victim(finding, *task, Role::zombie_of_spinning_reaper);
  // The jam as a circle when the snapshot shows it whole, else from a victim to the spinner.
  const auto spinner = picture.graph.node_of(*reaper.task);
  if (!spinner) return;
  add_links(finding, picture, picture.graph.cycle_through(*spinner));
  if (!finding.chain.empty()) return;
  for (const auto& group : {sight.members, sight.others})
    for (const Task* task : group)
      if (const auto node = picture.graph.node_of(*task); node && finding.chain.empty())
        add_links(finding, picture, picture.graph.path(*node, *spinner));
  for (const Edge* edge : picture.graph.out(*spinner)) add_links(finding, picture, {edge});
}

void add_advice(Finding& finding, const Picture& picture, const Task& spinner) {
  const Host& host = picture.scene.snapshot().host;
  advise(finding);
  if (preempts_kernel_code(host)) {
    advise(finding, "The kernel preempts its own code");
    fill_in(finding, "<is preemptible>", std::string(preemptible(*host.preemption)));
  }
  const Reading<std::int32_t>& pid = spinner.tgid ? spinner.tgid : spinner.tid;
  if (pid) fill_in(finding, "<pid>", std::to_string(*pid));
}

}  // namespace

Findings reaper_busy_loop(const Picture& picture) {
  Findings out;
  const Surroundings around = look_around(picture);
  for (const Reaper& reaper : picture.reapers.all()) {
    if (picture.scene.enough(out.size())) break;
    const Sight sight = look(picture, reaper, around);
    auto confidence = weigh_code(judge(picture, reaper, sight), picture.scene.snapshot().host);
    if (!confidence) continue;
    if (preempts_kernel_code(picture.scene.snapshot().host))
      confidence = at_most(*confidence, Confidence::likely);
    Finding finding;
    finding.cause = CauseId::reaper_busy_loop;
    finding.confidence = *confidence;
    tell(finding, picture, reaper, sight);
    add_code(finding, picture.scene.snapshot().host);
    add_victims(finding, picture, reaper, sight);
    add_advice(finding, picture, *reaper.task);
    name_jam(finding, picture, &reaper);
    out.push_back(std::move(finding));
  }
  return out;
}

}  // namespace unzap
