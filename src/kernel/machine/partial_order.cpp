// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/partial_order.hpp"

namespace unzap::kernel {
namespace {

/// Whether the step touches nothing outside the task's container and looks at nothing that others change.
bool stays_inside(const Config& c, const State& s, TaskNo no) {
  const Task& task = s.tasks[no];
  const CallFrame at = top(task);
  const Facts& step = c.programs.at(at.routine, at.step).facts;
  return step.own_container && (!step.might_sleep || c.preempt != Preempt::voluntary) &&
         (!step.cond_resched || c.preempt == Preempt::full) &&
         (!step.once_group_exits || s.processes[c.tasks[no].process].group_exit != 0) &&
         (!step.once_exiting || (task.flags & k_pf_exiting) != 0);
}

/// Whether nobody but the other members of its container can make the task do anything.
bool dormant(const Config& c, const State& s, TaskNo no) {
  const Task& task = s.tasks[no];
  if (task.run_state == RunState::dead)
    return !environment_enabled(c, s, Environment::reap, no);  // its pid number is the container's
  if ((task.flags & k_on_rq) != 0 || task.depth == 0) return false;
  return program(top(task).routine).woken_by_members && !environment_enabled(c, s, Environment::timeout, no);
}

bool alone(const Config& c, const State& s, TaskNo self) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (no != self && c.tasks[no].container == c.tasks[self].container && !dormant(c, s, no)) return false;
  return true;
}

/// Why somebody outside may act on the process at any time; empty if nobody does.
std::string_view why_not_left_alone(const ProcessInfo& process) {
  if (process.forked_outside) return "a member's parent lies outside and may reap it at any time";
  if (process.traced) return "a tracer may let go of a member at any time";
  if (process.frozen != Freezer::none) return "the freezer acts on a member at any time";
  if (process.has_fuse_file || process.has_fuse_dev)
    return "a FUSE connection joins members that seem asleep";
  return "";
}

/// Whether the environment can do nothing but let time run out for a sleeper, or reap: dormant() sees to
/// these.
bool environment_is_quiet(const Config& c, const State& s) {
  bool quiet = true;
  for_each_environment(c, s, [&](Environment what, TaskNo) {
    quiet = quiet && (what == Environment::timeout || what == Environment::reap);
  });
  return quiet;
}

}  // namespace

std::string why_not_partly_ordered(const Config& c) {
  if (c.outside != k_no_task)
    return "a task outside (" + c.scenario.outside.name + ") looks into the container";
  for (const ProcessInfo& process : c.processes)
    if (const std::string_view why = why_not_left_alone(process); !why.empty()) return std::string(why);
  for (const Container& container : c.containers)
    if (container.inside != 0xff) return "a pid namespace inside another one reaches into both containers";
  return "";
}

std::optional<Action> lone_step(const Config& c, const State& s) {
  for (std::uint8_t cpu = 0; cpu < c.scenario.cpus; ++cpu) {
    const TaskNo no = s.current[cpu];
    if (no == k_no_task || c.tasks[no].container == 0xff) continue;
    if (!stays_inside(c, s, no) || !alone(c, s, no)) continue;
    if (!environment_is_quiet(c, s)) return std::nullopt;
    return Action{Event::run, cpu, no};
  }
  return std::nullopt;
}

bool stays_lone(const Config& c, const State& before, const State& after, const Action& step) {
  if (after.current[step.cpu] != step.task) return false;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (((before.tasks[no].flags ^ after.tasks[no].flags) & k_on_rq) != 0) return false;
  return true;
}

}  // namespace unzap::kernel
