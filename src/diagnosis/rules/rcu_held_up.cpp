// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/rcu_held_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_cited = 24;
/// More CPUs than this are not told one by one.
constexpr std::size_t k_most_holders = 16;

struct Jam {
  std::vector<const KernelEvent*> stalls;
  std::vector<const Task*> waiters;   ///< in an RCU wait, and shown to be stuck there
  std::vector<const Task*> teardown;  ///< those of them that tear a mount namespace or a mount down
  const Task* holder = nullptr;       ///< the task on the CPU that holds the grace period up
  const Edge* holder_edge = nullptr;  ///< cpu (or grace period) -> holder
  std::optional<std::int32_t> cpu;    ///< the CPU that misses
  bool of_tasks = false;              ///< an RCU-tasks grace period: it waits for tasks, not for CPUs
};

/// Grace period -> CPU -> task: everyone of whom the kernel itself says that it holds the grace period up;
/// when there is none such, the first that follows from what it does.
std::vector<const Edge*> missing_cpus(const Picture& picture) {
  std::vector<const Edge*> reported, inferred;
  for (const Edge& edge : picture.graph.edges()) {
    const bool to_cpu = picture.graph.nodes()[edge.to].ref.kind == NodeKind::cpu;
    if (picture.graph.nodes()[edge.from].ref.kind != NodeKind::rcu_grace_period || !to_cpu) continue;
    (edge.inferred ? inferred : reported).push_back(&edge);
  }
  if (!reported.empty()) return reported;
  if (inferred.size() > 1) inferred.resize(1);
  return inferred;
}

void find_holder(const Picture& picture, const Edge& missing, Jam& jam) {
  jam.cpu = picture.graph.nodes()[missing.to].ref.number;
  for (const Edge* edge : picture.graph.out(missing.to)) {
    const Task* task = picture.graph.nodes()[edge->to].task;
    if (task == nullptr) continue;
    jam.holder = task;
    jam.holder_edge = edge;
    return;
  }
}

/// RCU tasks waits until each task has given its CPU free of its own will, or is in user mode; its report
/// dumps those that did neither.
void find_task_that_holds(const Picture& picture, Jam& jam) {
  if (jam.holder != nullptr) return;
  for (const KernelEvent* event : jam.stalls) {
    if (event->kind != EventKind::rcu_tasks_stall) continue;
    jam.of_tasks = true;
    jam.holder = picture.scene.task_of(*event);
    if (jam.holder != nullptr) return;
  }
}

/// A kernel thread or process that ps or top shows on a CPU all the time, when no report names one.
const Task* busy_task(const Picture& picture) {
  const Task* found = nullptr;
  for (const Task* task : picture.scene.tasks()) {
    if (!task->state.is('R') || task->cpu_percent.value_or(0) < 90) continue;
    if (found != nullptr) return nullptr;  // two of them: which one is not told
    found = task;
  }
  return found;
}

std::optional<Confidence> judge(const Picture& picture, const Jam& jam) {
  // The log of a live host is old and new: a stall counts for now when someone waits now, or the holder still
  // spins.
  const bool now =
      picture.scene.snapshot().origin == Origin::live || picture.scene.snapshot().origin == Origin::bundle;
  const bool goes_on = !jam.waiters.empty() || jam.holder != nullptr;
  if (!jam.stalls.empty()) return now && !goes_on ? Confidence::possible : Confidence::likely;
  const bool chosen = was_chosen(picture);
  bool unmoved = false;
  for (const Task* task : jam.waiters) {
    const bool hung_report =
        task->blocked_seconds || (picture.scene.hold_of(*task) == Hold::lasting && chosen);
    if (hung_report || picture.scene.hold_of(*task) == Hold::pasted) return Confidence::likely;
    unmoved |= picture.scene.hold_of(*task) == Hold::lasting;
  }
  if (unmoved) return jam.holder != nullptr ? Confidence::likely : Confidence::possible;
  return std::nullopt;
}

void tell(Finding& finding, const Picture& picture, const Jam& jam) {
  const std::string who = jam.waiters.empty() ? "" : some_of(jam.waiters);
  if (jam.of_tasks) {
    const std::string holder = jam.holder != nullptr ? jam.holder->label() : "a task that is not shown";
    if (jam.holder != nullptr) finding.culprit = party(*jam.holder, Role::holds_rcu_tasks);
    finding.summary = fmt::format(
        "{} has neither given its CPU free of its own will nor been in user mode, so an RCU-tasks grace "
        "period does not "
        "end: whoever waits for one (synchronize_rcu_tasks(): tracing, BPF, a parent that should reap) waits "
        "on",
        holder);
  } else if (jam.holder != nullptr) {
    finding.culprit = party(*jam.holder, Role::on_cpu(jam.cpu));
    finding.summary = fmt::format("{} does not give {} free, so RCU grace periods do not end",
                                  jam.holder->label(), jam.cpu ? fmt::format("CPU {}", *jam.cpu) : "its CPU");
    if (!who.empty())
      finding.summary += fmt::format("; {} wait{} for one", who, jam.waiters.size() == 1 ? "s" : "");
  } else if (jam.cpu) {
    finding.summary =
        fmt::format("CPU {} reports no RCU quiescent state; what runs on it is not shown", *jam.cpu);
  } else {
    finding.summary =
        fmt::format("{} in an RCU grace period that does not end; who holds it up is not shown",
                    who.empty() ? "tasks wait" : who + (jam.waiters.size() == 1 ? " waits" : " wait"));
  }
  if (!jam.teardown.empty() && jam.holder == nullptr)
    finding.summary +=
        " (the wait is a mount namespace teardown: look for a dying init that spins, see "
        "reaper-busy-loop)";
  if (!jam.teardown.empty() && jam.holder != nullptr && io_uring_thread(*jam.holder))
    finding.summary +=
        " (an io_uring thread that keeps its CPU while a mount namespace is torn down is most often the "
        "last thread of a dying init: see reaper-busy-loop)";
  for (std::size_t at = 0; at < jam.stalls.size() && at < k_most_cited; ++at) cite(finding, *jam.stalls[at]);
  if (jam.holder != nullptr) cite(finding, picture, *jam.holder);
  for (const Task* task : jam.waiters) {
    if (finding.victims.size() < 8) cite(finding, picture, *task);
    const WaitSite* site = picture.scene.site_of(*task);
    add_victim(finding, *task,
               site != nullptr ? Role::waits(matched_functions(*picture.scene.stack_of(*task), *site))
                               : Role(Role::waits_for_rcu));
  }
}

void add_chain(Finding& finding, const Picture& picture, const Jam& jam) {
  for (const Task* task : jam.waiters) {
    const auto node = picture.graph.node_of(*task);
    if (!node) continue;
    const auto way =
        jam.holder != nullptr ? picture.graph.way(*task, *jam.holder) : std::vector<const Edge*>{};
    add_links(finding, picture, way.empty() ? picture.graph.out(*node) : way);
    if (!finding.chain.empty()) return;
  }
  if (jam.holder_edge != nullptr) add_links(finding, picture, {jam.holder_edge});
}

/// What all holders have in common: the reports, and who waits.
Jam without_holder(const Picture& picture) {
  Jam jam;
  for (const KernelEvent* event : picture.scene.events())
    if (event->kind == EventKind::rcu_stall || event->kind == EventKind::rcu_expedited_stall ||
        event->kind == EventKind::rcu_kthread_starved || event->kind == EventKind::rcu_tasks_stall)
      jam.stalls.push_back(event);
  for (const Task* task : picture.scene.rcu_waiters()) {
    const WaitSite* site = picture.scene.site_of(*task);
    if (site == nullptr || site->cause != CauseId::rcu_held_up) continue;
    jam.waiters.push_back(task);
    if (mount_teardown(*picture.scene.stack_of(*task))) jam.teardown.push_back(task);
  }
  return jam;
}

/// One jam for each task that holds a CPU; else one for the first CPU of which it is not shown who does.
std::vector<Jam> jams(const Picture& picture) {
  const Jam common = without_holder(picture);
  std::vector<Jam> held, open;
  for (const Edge* missing : missing_cpus(picture)) {
    Jam jam = common;
    find_holder(picture, *missing, jam);
    const auto same = [&](const Jam& other) { return other.holder == jam.holder; };
    if (jam.holder == nullptr)
      open.push_back(std::move(jam));
    else if (held.size() < k_most_holders && std::none_of(held.begin(), held.end(), same))
      held.push_back(std::move(jam));
  }
  if (!held.empty()) return held;
  Jam jam = open.empty() ? common : std::move(open.front());
  find_task_that_holds(picture, jam);
  if (jam.holder == nullptr) jam.holder = busy_task(picture);
  return {std::move(jam)};
}

Finding make(const Picture& picture, const Jam& jam, Confidence confidence) {
  Finding finding;
  finding.cause = CauseId::rcu_held_up;
  finding.confidence = confidence;
  tell(finding, picture, jam);
  add_chain(finding, picture, jam);
  advise(finding);
  return finding;
}

}  // namespace

Findings rcu_held_up(const Picture& picture) {
  Findings out;
  for (const Jam& jam : jams(picture)) {
    const auto confidence = judge(picture, jam);
    // A reaper that spins is told by reaper-busy-loop, but in a kernel in which it cannot.
    const bool reaper = jam.holder != nullptr && picture.reapers.at(*jam.holder) != nullptr &&
                        !wait_sleeps(picture.scene.snapshot().host);
    if (confidence && !reaper) out.push_back(make(picture, jam, *confidence));
  }
  return out;
}

}  // namespace unzap
