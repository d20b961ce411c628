// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "rescue/actions.hpp"

namespace unzap {
namespace {

/// A signal, and what it would mean.
struct Draft {
  int signal = 0;
  std::string remedy, text, changes, cannot_undo;
  bool needs_to_run = false;  ///< a stopped process does not come to act on it
};

std::string labels(const std::vector<RescueTarget>& tasks) {
  std::string out;
  for (std::size_t i = 0; i < tasks.size() && i < 6; ++i) out += (i == 0 ? "" : ", ") + tasks[i].label();
  if (tasks.size() > 6) out += fmt::format(" and {} more", tasks.size() - 6);
  return out;
}

Condition at_least_likely(const Finding& finding) {
  return condition("the cause is at least likely", finding.confidence >= Confidence::likely,
                   std::string(name(finding.confidence)));
}

/// The victims of this finding, by their identity, of which `holds` is true.
template <class Holds>
std::vector<RescueTarget> victims_of(const Finding& finding, const Snapshot& snapshot, Holds holds) {
  std::vector<RescueTarget> out;
  for (const Party& victim : finding.victims) {
    if (!victim.tid || !victim.start_ticks) continue;
    const Task* task = task_of(snapshot, {*victim.tid, *victim.start_ticks});
    const auto target = task != nullptr ? target_of(*task) : std::nullopt;
    if (target && holds(*task) && std::count(out.begin(), out.end(), *target) == 0) out.push_back(*target);
  }
  return out;
}

std::vector<RescueTarget> zombies_of(const RescueTarget& parent, const Finding& finding,
                                     const Snapshot& snapshot) {
  return victims_of(finding, snapshot, [&](const Task& task) {
    return finding.pid_ns && task.state.is('Z') && task.ppid.is(parent.tgid) &&
           in_pid_ns(task, *finding.pid_ns) == true;
  });
}

/// TracerPid is the number of the thread that traces, fs/proc/array.c, task_state().
bool is_traced_by(const Task& task, const RescueTarget& tracer, const Snapshot& snapshot) {
  const std::int32_t by = task.tracer_pid.value_or(0);
  if (by <= 0) return false;
  if (by == tracer.id.tid || by == tracer.tgid) return true;
  return std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                     [&](const Task& thread) { return thread.tid.is(by) && thread.tgid.is(tracer.tgid); });
}

std::vector<RescueTarget> traced_by(const RescueTarget& tracer, const Finding& finding,
                                    const Snapshot& snapshot) {
  return victims_of(finding, snapshot, [&](const Task& task) {
    return is_traced_by(task, tracer, snapshot) &&
           (!finding.pid_ns || in_pid_ns(task, *finding.pid_ns) == true);
  });
}

Condition is_outside(const Task& task, const Finding& finding) {
  Condition out{"it stands outside of the dying pid namespace itself", Condition::Met::unknown,
                "its chain of pid namespaces, or which one is dying, is not known"};
  const auto inside = finding.pid_ns ? in_pid_ns(task, *finding.pid_ns) : std::nullopt;
  if (!inside) return out;
  return condition(out.text, !*inside,
                   *inside ? "it is a member, and dies with it" : "its chain of pid namespaces says so");
}

/// The cgroup that has this process frozen, or was asked to; empty when none is known.
std::string frozen_by(const Task& task, const Snapshot& snapshot) {
  for (const CgroupState& state : snapshot.cgroups) {
    if (!task.cgroup || !(state.frozen.is(true) || state.freeze_asked.is(true))) continue;
    if (*task.cgroup == state.path || task.cgroup->starts_with(state.path + "/")) return state.path;
  }
  return "";
}

/// Why no signal is of any use to this process, or may go to it; empty when one may.
std::string no_signal(const Task& task, const RescueTarget& target, const Snapshot& snapshot) {
  if (const std::string path = frozen_by(task, snapshot); !path.empty())
    return fmt::format(
        "{} is frozen by cgroup {}, perhaps on purpose: it acts on no signal but SIGKILL, and "
        "whether it may run again comes first",
        target.label(), path);
  if (target.tgid == 1) return target.label() + " is process 1 of the host, which is not to be signalled";
  if ((task.flags.value_or(0) & k_pf_kthread) != 0) return target.label() + " is a thread of the kernel";
  switch (task.state.value_or('?')) {
    case 'D':
      return target.label() +
             " is in an uninterruptible wait and takes no signal; what it waits for comes first";
    case 't': return target.label() + " is itself stopped by a tracer; that one has to let go first";
    case 'Z':
    case 'X': return target.label() + " is dead itself";
    case '?': return "the state of " + target.label() + " is not known";
    default: return "";
  }
}

Plan plan_of(const Plan& begun, const Draft& draft, const RescueTarget& target, Tie tie,
             const std::vector<RescueTarget>& held) {
  Plan out = begun;
  Action action;
  action.kind = ActionKind::signal_task;
  action.remedy = draft.remedy;
  action.target = target;
  action.signal = draft.signal;
  action.text = draft.text;
  action.changes = draft.changes;
  action.cannot_undo = draft.cannot_undo;
  action.tie = tie;
  action.held = held;
  out.action = std::move(action);
  return out;
}

/// A plan for each draft. One that has to run to act on it is not ready while it is stopped.
std::vector<Plan> plans_of(const Plan& begun, const std::vector<Draft>& drafts, const Task& task, Tie tie,
                           const std::vector<RescueTarget>& held) {
  std::vector<Plan> out;
  for (const Draft& draft : drafts) {
    Plan plan = plan_of(begun, draft, *begun.culprit, tie, held);
    if (draft.needs_to_run && task.state.is('T'))
      plan.conditions.push_back(
          condition("it runs", false, "it is stopped and would not come to it; SIGCONT comes first"));
    out.push_back(std::move(plan));
  }
  return out;
}

std::vector<Draft> parent_drafts(const std::string& who, bool stopped) {
  std::vector<Draft> out;
  if (stopped) {
    out.push_back({SIGCONT, "continue-parent",
                   fmt::format("let {} go on (SIGCONT): it is stopped, so it cannot reap its child", who),
                   "a stopped process runs again", "what it does then; stop it again with SIGSTOP"});
  } else {
    out.push_back(
        {SIGCHLD, "nudge-parent",
         fmt::format("tell {} once more that a child has died (SIGCHLD): one that missed it reaps now", who),
         "nothing, unless the process has a handler, which then runs", "nothing"});
  }
  out.push_back({SIGTERM, "end-parent",
                 fmt::format("end {} (SIGTERM): its zombie then goes to the nearest subreaper outside, or to "
                             "process 1, which reaps it",
                             who),
                 "the process outside ends, with all that it does for others",
                 "its end; a service manager may start it again", true});
  out.push_back({SIGKILL, "kill-parent", fmt::format("end {} at once (SIGKILL), if SIGTERM did not", who),
                 "the process outside ends without a last word, with all that it does for others",
                 "its end, and what it has not written"});
  return out;
}

std::vector<Draft> tracer_drafts(const std::string& who, bool stopped) {
  std::vector<Draft> out;
  if (stopped)
    out.push_back({SIGCONT, "continue-tracer",
                   fmt::format("let the tracer {} go on (SIGCONT): it is stopped, so it cannot let go", who),
                   "a stopped process runs again", "what it does then; stop it again with SIGSTOP"});
  out.push_back({SIGTERM, "end-tracer",
                 fmt::format("ask the tracer {} to end (SIGTERM): it then lets go of what it traces", who),
                 "the tracer ends (a debugger, strace, or a parent that its child made one), and lets go",
                 "its session", true});
  out.push_back(
      {SIGKILL, "kill-tracer",
       fmt::format("end the tracer {} at once (SIGKILL), if SIGTERM did not: the kernel then lets go of what "
                   "it traces",
                   who),
       "the tracer ends (a debugger, strace, or a parent that its child made one), and lets go; what it "
       "traces with PTRACE_O_EXITKILL is killed",
       "its session and what it has not written"});
  return out;
}

std::vector<Plan> no_plan(const Plan& begun, std::string why) {
  Plan out = begun;
  out.why_none = std::move(why);
  return {std::move(out)};
}

}  // namespace

std::vector<Plan> plans_outside_parent(const Plan& begun, const Finding& finding, const Snapshot& snapshot,
                                       const Means& means) {
  const Task* parent = begun.culprit ? task_of(snapshot, begun.culprit->id) : nullptr;
  if (parent == nullptr) return no_plan(begun, "the parent outside was not seen");
  const RescueTarget& target = *begun.culprit;
  if (std::string why = no_signal(*parent, target, snapshot); !why.empty())
    return no_plan(begun, std::move(why));
  const std::vector<RescueTarget> held = zombies_of(target, finding, snapshot);
  Plan plan = begun;
  plan.conditions.push_back(at_least_likely(finding));
  plan.conditions.push_back(
      condition("a zombie of the dying pid namespace is its child", !held.empty(),
                held.empty() ? "no zombie of this finding has it as parent and that namespace in its chain"
                             : fmt::format("{}: PPid {}", labels(held), target.tgid)));
  plan.conditions.push_back(is_outside(*parent, finding));
  plan.conditions.push_back(may_be_signalled(plan, *parent, held, snapshot, means));
  return plans_of(plan, parent_drafts(target.label(), parent->state.is('T')), *parent, Tie::parent, held);
}

std::vector<Plan> plans_end_tracer(const Plan& begun, const Finding& finding, const Snapshot& snapshot,
                                   const Means& means) {
  const Task* tracer = begun.culprit ? task_of(snapshot, begun.culprit->id) : nullptr;
  if (tracer == nullptr) return no_plan(begun, "the tracer was not seen");
  const RescueTarget& target = *begun.culprit;
  if (std::string why = no_signal(*tracer, target, snapshot); !why.empty())
    return no_plan(begun, std::move(why));
  const std::vector<RescueTarget> held = traced_by(target, finding, snapshot);
  Plan plan = begun;
  plan.conditions.push_back(at_least_likely(finding));
  plan.conditions.push_back(
      condition("it traces a task of the finding", !held.empty(),
                held.empty() ? finding.pid_ns ? "no TracerPid of a victim in the dying pid namespace names it"
                                              : "no TracerPid of a victim names it"
                             : fmt::format("{}: TracerPid says so", labels(held))));
  plan.conditions.push_back(may_be_signalled(plan, *tracer, held, snapshot, means));
  return plans_of(plan, tracer_drafts(target.label(), tracer->state.is('T')), *tracer, Tie::tracer, held);
}

}  // namespace unzap
