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
std::vector<const Edge*> missing_cpus(const WaitGraph& graph) {
  std::vector<const Edge*> reported, inferred;
  for (const Edge& edge : graph.edges()) {
    const bool to_cpu = graph.nodes()[edge.to].ref.kind == NodeKind::cpu;
    if (graph.nodes()[edge.from].ref.kind != NodeKind::rcu_grace_period || !to_cpu) continue;
    (edge.inferred ? inferred : reported).push_back(&edge);
  }
  if (!reported.empty()) return reported;
  if (inferred.size() > 1) inferred.resize(1);
  return inferred;
}

void find_holder(const WaitGraph& graph, const Edge& missing, Jam& jam) {
  jam.cpu = graph.nodes()[missing.to].ref.number;
  for (const Edge* edge : graph.out(missing.to)) {
    const Task* task = graph.nodes()[edge->to].task;
    if (task == nullptr) continue;
    jam.holder = task;
    jam.holder_edge = edge;
    return;
  }
}

/// RCU tasks waits until each task has given its CPU free of its own will, or is in user mode; its report
/// dumps those that did neither.
void find_task_that_holds(const WaitGraph& graph, Jam& jam) {
  if (jam.holder != nullptr) return;
  for (const KernelEvent* event : jam.stalls) {
    if (event->kind != EventKind::rcu_tasks_stall) continue;
    jam.of_tasks = true;
    jam.holder = graph.task_of(*event);
    if (jam.holder != nullptr) return;
  }
}

/// A kernel thread or process that ps or top shows on a CPU all the time, when no report names one.
const Task* busy_task(const WaitGraph& graph) {
  const Task* found = nullptr;
  for (const Task* task : graph.tasks()) {
    if (!task->state.is('R') || task->cpu_percent.value_or(0) < 90) continue;
    if (found != nullptr) return nullptr;  // two of them: which one is not told
    found = task;
  }
  return found;
}

std::optional<Confidence> judge(const WaitGraph& graph, const Jam& jam) {
  // The log of a live host is old and new: a stall counts for now when someone waits now, or the holder still
  // spins.
  const bool now = graph.snapshot().origin == Origin::live || graph.snapshot().origin == Origin::bundle;
  const bool goes_on = !jam.waiters.empty() || jam.holder != nullptr;
  if (!jam.stalls.empty()) return now && !goes_on ? Confidence::possible : Confidence::likely;
  const bool chosen = was_chosen(graph);
  bool unmoved = false;
  for (const Task* task : jam.waiters) {
    const bool hung_report = task->blocked_seconds || (graph.hold_of(*task) == Hold::lasting && chosen);
    if (hung_report || graph.hold_of(*task) == Hold::pasted) return Confidence::likely;
    unmoved |= graph.hold_of(*task) == Hold::lasting;
  }
  if (unmoved) return jam.holder != nullptr ? Confidence::likely : Confidence::possible;
  return std::nullopt;
}

void tell(Finding& finding, const WaitGraph& graph, const Jam& jam) {
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
  if (jam.holder != nullptr) cite(finding, graph, *jam.holder);
  for (const Task* task : jam.waiters) {
    if (finding.victims.size() < 8) cite(finding, graph, *task);
    const WaitSite* site = graph.site_of(*task);
    add_victim(finding, *task,
               site != nullptr ? Role::waits(matched_functions(*graph.stack_of(*task), *site))
                               : Role(Role::waits_for_rcu));
  }
}

void add_chain(Finding& finding, const WaitGraph& graph, const Jam& jam) {
  for (const Task* task : jam.waiters) {
    const auto node = graph.node_of(*task);
    if (!node) continue;
    const auto way = jam.holder != nullptr ? graph.way(*task, *jam.holder) : std::vector<const Edge*>{};
    add_links(finding, graph, way.empty() ? graph.out(*node) : way);
    if (!finding.chain.empty()) return;
  }
  if (jam.holder_edge != nullptr) add_links(finding, graph, {jam.holder_edge});
}

/// What all holders have in common: the reports, and who waits.
Jam without_holder(const WaitGraph& graph) {
  Jam jam;
  for (const KernelEvent* event : graph.events())
    if (event->kind == EventKind::rcu_stall || event->kind == EventKind::rcu_expedited_stall ||
        event->kind == EventKind::rcu_kthread_starved || event->kind == EventKind::rcu_tasks_stall)
      jam.stalls.push_back(event);
  for (const Task* task : graph.rcu_waiters()) {
    const WaitSite* site = graph.site_of(*task);
    if (site == nullptr || site->cause != CauseId::rcu_held_up) continue;
    jam.waiters.push_back(task);
    if (mount_teardown(*graph.stack_of(*task))) jam.teardown.push_back(task);
  }
  return jam;
}

/// One jam for each task that holds a CPU; else one for the first CPU of which it is not shown who does.
std::vector<Jam> jams(const WaitGraph& graph) {
  const Jam common = without_holder(graph);
  std::vector<Jam> held, open;
  for (const Edge* missing : missing_cpus(graph)) {
    Jam jam = common;
    find_holder(graph, *missing, jam);
    const auto same = [&](const Jam& other) { return other.holder == jam.holder; };
    if (jam.holder == nullptr)
      open.push_back(std::move(jam));
    else if (held.size() < k_most_holders && std::none_of(held.begin(), held.end(), same))
      held.push_back(std::move(jam));
  }
  if (!held.empty()) return held;
  Jam jam = open.empty() ? common : std::move(open.front());
  find_task_that_holds(graph, jam);
  if (jam.holder == nullptr) jam.holder = busy_task(graph);
  return {std::move(jam)};
}

Finding make(const WaitGraph& graph, const Jam& jam, Confidence confidence) {
  Finding finding;
  finding.cause = CauseId::rcu_held_up;
  finding.confidence = confidence;
  tell(finding, graph, jam);
  add_chain(finding, graph, jam);
  advise(finding);
  return finding;
}

}  // namespace

Findings rcu_held_up(const WaitGraph& graph) {
  Findings out;
  for (const Jam& jam : jams(graph)) {
    const auto confidence = judge(graph, jam);
    // A reaper that spins is told by reaper-busy-loop, but in a kernel in which it cannot.
    const bool reaper = jam.holder != nullptr && graph.reaper_at(*jam.holder) != nullptr &&
                        !wait_sleeps(graph.snapshot().host);
    if (confidence && !reaper) out.push_back(make(graph, jam, *confidence));
  }
  return out;
}

}  // namespace unzap
