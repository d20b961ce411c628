// SPDX-License-Identifier: Apache-2.0
#include "check/counterexample.hpp"

#include <xxhash.h>

#include <algorithm>

#include "util/assert.hpp"

namespace unzap {
namespace {

using kernel::ExitState;
using kernel::Machine;
using kernel::RunState;
using kernel::State;
using kernel::Task;

/// What `no` does in all of `states`. `busy`: it moves there without giving way.
TaskFate fate_of(const std::vector<State>& states, kernel::TaskNo no, bool busy) {
  const auto always = [&](const auto& holds) {
    return std::all_of(states.begin(), states.end(), [&](const State& s) { return holds(s.tasks[no]); });
  };
  if (always([](const Task& t) { return t.exit_state == ExitState::released; })) return TaskFate::gone;
  if (always([](const Task& t) { return t.run_state == RunState::dead; })) return TaskFate::zombie;
  if (busy) return TaskFate::spins;
  if (always([](const Task& t) { return t.run_state == RunState::uninterruptible; })) return TaskFate::hung;
  if (always([](const Task& t) { return (t.flags & kernel::k_on_rq) != 0 && t.cpu == kernel::k_no_cpu; }))
    return TaskFate::starved;
  const bool dying = always([](const Task& t) { return (t.flags & kernel::k_pf_exiting) != 0; });
  return dying ? TaskFate::waits : TaskFate::sleeps;
}

MomentState moment_state(const Task& task) {
  if (task.exit_state == ExitState::released) return MomentState::gone;
  if (task.cpu != kernel::k_no_cpu) return MomentState::runs;
  if (task.run_state == RunState::dead) return MomentState::zombie;
  if ((task.flags & kernel::k_on_rq) != 0) return MomentState::queued;
  if (task.run_state == RunState::uninterruptible) return MomentState::blocked;
  return task.run_state == RunState::idle ? MomentState::idle : MomentState::sleeps;
}

void replay_or_die(const Machine& machine, const State& from, const Steps& steps) {
  const auto misfit = explorer::replay(machine, from, steps);
  UNZAP_ASSERT(!misfit, "the counterexample does not replay from step {} on", *misfit + 1);
}

}  // namespace

std::uint64_t digest_of(const State& state) {
  return XXH3_64bits(&state, sizeof(state));
}

std::vector<CheckMoment> moments_of(const kernel::Config& config, const State& state) {
  std::vector<CheckMoment> out;
  for (kernel::TaskNo no = 0; no < config.tasks.size(); ++no) {
    const Task& task = state.tasks[no];
    CheckMoment moment;
    moment.state = moment_state(task);
    if (task.cpu != kernel::k_no_cpu) moment.cpu = task.cpu;
    const auto stack = kernel::backtrace(config, task);
    if (!stack.empty()) moment.function = stack.front();
    moment.pending = task.tif & (kernel::k_tif_sigpending | kernel::k_tif_notify_signal);
    out.push_back(std::move(moment));
  }
  return out;
}

std::vector<CheckTask> tasks_in(const Machine& machine, const std::vector<State>& states,
                                const std::vector<bool>& busy) {
  std::vector<CheckTask> out;
  const State& shown = states.front();
  for (kernel::TaskNo no = 0; no < machine.config().tasks.size(); ++no) {
    const std::uint8_t cpu = shown.tasks[no].cpu;
    CheckTask task;
    task.task = machine.config().tasks[no].comm;
    task.fate = fate_of(states, no, busy[no]);
    if (task.fate == TaskFate::spins && cpu != kernel::k_no_cpu) task.cpu = cpu;
    for (const std::string_view function : kernel::backtrace(machine.config(), shown.tasks[no]))
      task.stack.emplace_back(function);
    out.push_back(std::move(task));
  }
  return out;
}

Counterexample broken_way(const Machine& machine, Steps stem) {
  Counterexample out;
  const State end = stem.empty() ? machine.initial() : stem.back().state;
  out.broken = kernel::broken_in(machine.config(), end);
  UNZAP_ASSERT(out.broken, "a way of {} steps breaks no invariant when it is led again", stem.size());
  out.tasks = tasks_in(machine, {end}, std::vector<bool>(machine.config().tasks.size(), false));
  out.stem = std::move(stem);
  replay_or_die(machine, out);
  return out;
}

void replay_or_die(const Machine& machine, Counterexample& way) {
  way.start = machine.initial();
  replay_or_die(machine, way.start, way.stem);
  replay_or_die(machine, way.stem.empty() ? way.start : way.stem.back().state, way.loop);
  way.replayed = true;
}

}  // namespace unzap
