// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "check/victims.hpp"
#include "explorer/trace.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

using explorer::StateId;
using kernel::Machine;
using kernel::State;
using Exploration = explorer::Exploration<Machine>;
using Steps = std::vector<explorer::TraceStep<Machine>>;
using States = explorer::States<Machine>;

CheckStep in_words(const Machine& machine, const State& before, const kernel::Action& action,
                   std::size_t number) {
  const kernel::Description words = machine.describe(before, action);
  CheckStep step;
  step.step = number;
  step.cpu = words.cpu == kernel::k_no_cpu ? -1 : words.cpu;
  step.task = words.actor;
  step.function = words.function;
  step.file = words.file;
  step.text = words.text;
  return step;
}

/// Runs `steps` again from `from` by their actions; a step that does not fit is a defect of the model.
void replay_or_die(const Machine& machine, const State& from, const Steps& steps) {
  const auto misfit = explorer::replay(machine, from, steps);
  UNZAP_ASSERT(!misfit, "the counterexample does not replay from step {} on", *misfit + 1);
}

bool all(const std::vector<State>& states, kernel::TaskNo no,
         const std::function<bool(const State&, const kernel::Task&)>& holds) {
  return std::all_of(states.begin(), states.end(), [&](const State& s) { return holds(s, s.tasks[no]); });
}

/// What `no` does in all of `states`. `busy`: it moves there without giving way.
std::string task_state(const std::vector<State>& states, kernel::TaskNo no, bool busy) {
  using kernel::ExitState;
  using kernel::RunState;
  using kernel::Task;
  if (all(states, no, [](const State&, const Task& t) { return t.exit_state == ExitState::released; }))
    return "gone";
  if (all(states, no, [](const State&, const Task& t) { return t.run_state == RunState::dead; }))
    return "zombie";
  if (busy) return "spins";
  if (all(states, no, [](const State&, const Task& t) { return t.run_state == RunState::uninterruptible; }))
    return "hung";
  if (all(states, no, [](const State&, const Task& t) {
        return (t.flags & kernel::k_on_rq) != 0 && t.cpu == kernel::k_no_cpu;
      }))
    return "starved";
  const bool dying =
      all(states, no, [](const State&, const Task& t) { return (t.flags & kernel::k_pf_exiting) != 0; });
  return dying ? "waits" : "sleeps";
}

std::vector<State> states_of(const Machine& machine, const Exploration& found,
                             const std::vector<StateId>& ids) {
  States find(machine, found);
  std::vector<State> states;
  for (const StateId id : ids) states.push_back(find[id]);
  return states;
}

std::vector<CheckTask> tasks_in(const Machine& machine, const Exploration& found,
                                const std::vector<StateId>& ids, const std::vector<bool>& busy) {
  std::vector<CheckTask> out;
  const std::vector<State> states = states_of(machine, found, ids);
  const State& shown = states.front();
  for (kernel::TaskNo no = 0; no < machine.config().tasks.size(); ++no) {
    CheckTask task;
    task.task = machine.config().tasks[no].comm;
    task.state = task_state(states, no, busy[no]);
    if (task.state == "spins") task.cpu = shown.tasks[no].cpu == kernel::k_no_cpu ? -1 : shown.tasks[no].cpu;
    for (const std::string_view function : kernel::backtrace(machine.config(), shown.tasks[no]))
      task.stack.emplace_back(function);
    out.push_back(std::move(task));
  }
  return out;
}

/// Appends the words of `steps`, which start at `from`.
void tell(const Machine& machine, const State& from, const Steps& steps, std::vector<CheckStep>& out,
          std::size_t number) {
  const State* at = &from;
  for (const auto& step : steps) {
    out.push_back(in_words(machine, *at, step.action, number++));
    at = &step.state;
  }
}

/// The way to `cycle.front()`, then once round the cycle; both replayed.
void tell_lasso(const Machine& machine, const Exploration& found, const std::vector<StateId>& cycle,
                CheckReport& report) {
  const std::vector<StateId> path = explorer::path_to(found.graph, cycle.front());
  const Steps stem = explorer::steps_along(machine, found, path);
  replay_or_die(machine, machine.initial(), stem);
  tell(machine, machine.initial(), stem, report.trace, 1);
  std::vector<StateId> round = cycle;
  round.push_back(cycle.front());
  if (cycle.size() > 1 || report.trap_kind != "deadlock") {
    const Steps loop = explorer::steps_along(machine, found, round);
    const State head = States(machine, found)[cycle.front()];
    replay_or_die(machine, head, loop);
    tell(machine, head, loop, report.loop, stem.size() + 1);
  }
  report.replayed = true;
}

std::vector<bool> busy_actors(const Machine& machine, const Exploration& found,
                              const std::vector<StateId>& states) {
  std::vector<bool> busy(machine.config().tasks.size(), false);
  for (std::size_t no = 0; no < busy.size(); ++no)
    busy[no] = explorer::waits_busily(found.graph, static_cast<std::uint8_t>(no), states);
  return busy;
}

void tell_trap(const Machine& machine, const Exploration& found, const explorer::Analysis& analysis,
               CheckReport& report) {
  const explorer::Trap& trap = analysis.traps.front();
  report.verdict = CheckVerdict::lockup;
  report.trap_kind = trap.deadlock ? "deadlock" : "livelock";
  report.trap_states = trap.states.size();
  const std::vector<StateId> path = explorer::path_to(found.graph, trap.states.front());
  const auto doomed = std::find_if(path.begin(), path.end(), [&](StateId id) { return analysis.doomed[id]; });
  report.fatal_step = static_cast<std::size_t>(doomed - path.begin());
  const std::vector<bool> busy = busy_actors(machine, found, trap.states);
  report.tasks = tasks_in(machine, found, trap.states, busy);
  report.containers = containers_in(machine, states_of(machine, found, trap.states), busy);
  std::vector<StateId> cycle = explorer::cycle_through(found.graph, trap.states.front(), trap.states);
  if (cycle.empty()) cycle.push_back(trap.states.front());
  tell_lasso(machine, found, cycle, report);
}

void tell_busy_wait(const Machine& machine, const Exploration& found, const explorer::BusyWait& wait,
                    CheckReport& report) {
  report.verdict = CheckVerdict::busy_wait;
  std::vector<bool> busy(machine.config().tasks.size(), false);
  busy[wait.actor] = true;
  report.tasks = tasks_in(machine, found, wait.cycle, busy);
  // Start where the cycle is nearest to the beginning.
  std::vector<StateId> cycle = wait.cycle;
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  tell_lasso(machine, found, cycle, report);
}

void describe_request(const CheckRequest& request, CheckReport& report) {
  report.scenario = request.scenario.name;
  report.summary = request.scenario.summary;
  report.kernel = request.kernel;
  report.preempt = kernel::name(request.preempt);
  const auto preset = kernel::find_kernel(request.kernel);
  report.cpus = request.scenario.cpus;
  for (unsigned i = 0; i < static_cast<unsigned>(kernel::Switch::count_); ++i) {
    const auto one = static_cast<kernel::Switch>(i);
    const kernel::SwitchInfo& info = kernel::info(one);
    const bool on = request.variant.has(one);
    (info.fix ? report.fixes : report.switches).emplace_back(info.name, on);
    if (preset && preset->variant.has(one) != on)
      report.changed.push_back((on ? "with " : "without ") + std::string(info.name));
  }
}

}  // namespace

std::string_view name(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return "proved";
    case CheckVerdict::lockup: return "lockup";
    case CheckVerdict::busy_wait: return "busy-wait";
    case CheckVerdict::inconclusive: return "inconclusive";
  }
  return "?";
}

int exit_code(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return 0;
    case CheckVerdict::lockup: return 13;
    case CheckVerdict::busy_wait: return 14;
    case CheckVerdict::inconclusive: return 5;
  }
  return k_exit_internal;
}

CheckReport check(const CheckRequest& request, const explorer::Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  CheckReport report;
  describe_request(request, report);
  const Machine machine(request.scenario, request.variant, request.preempt);
  const Exploration found =
      explorer::explore(machine, request.limits, watch, request.workers,
                        {request.compact ? explorer::Keep::fingerprints : explorer::Keep::states, true});
  const explorer::Analysis analysis = explorer::analyse(found.graph, request.workers);
  report.figures = found.progress;
  report.stop = explorer::name(found.stop);
  report.bytes_per_state = sizeof(State);
  const auto states = static_cast<double>(found.graph.size());
  report.bytes_kept_per_state = static_cast<double>(found.progress.bytes) / states;
  report.workers = request.workers;
  report.compact = request.compact;
  if (request.compact) report.omission_odds = std::ldexp(states * states, -65);
  report.doomed_states = analysis.doomed_count;
  report.traps = analysis.traps.size();
  for (std::size_t bit = 0; bit < kernel::k_witnesses.size(); ++bit)
    report.witnesses.emplace_back(kernel::k_witnesses[bit], found.witness_counts[bit]);
  if (!analysis.traps.empty())
    tell_trap(machine, found, analysis, report);
  else if (!analysis.busy_waits.empty())
    tell_busy_wait(machine, found, analysis.busy_waits.front(), report);
  else
    report.verdict = found.graph.complete() ? CheckVerdict::proved : CheckVerdict::inconclusive;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace unzap
