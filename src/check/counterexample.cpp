// SPDX-License-Identifier: Apache-2.0
#include "check/counterexample.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>

#include "util/assert.hpp"

namespace unzap {
namespace {

using kernel::ExitState;
using kernel::Machine;
using kernel::RunState;
using kernel::State;
using kernel::Task;

/// What a task is in the story, in words.
std::string role_of(const kernel::Config& config, kernel::TaskNo no) {
  const kernel::TaskInfo& task = config.tasks[no];
  const bool several = config.containers.size() > 1;
  std::string of = several ? " of another container" : " of the container";
  if (several && task.container == 0) of = " of the first container";
  if (no == config.kworker) return "the kernel's worker that drives expedited RCU grace periods";
  if (no == config.outside) return "a process outside the container";
  if (task.worker_of != 0xff)
    return "an io-wq worker, a thread of " + config.tasks[config.wqs[task.worker_of].owner].comm;
  const kernel::ProcessInfo& process = config.process_of(no);
  const std::string leader = config.tasks[process.leader].comm;
  if (task.sqpoll) return "the SQPOLL thread of " + leader;
  if (!task.leader) return "another thread of " + leader;
  if (process.unkillable) return "the init" + of + ", pid 1 of its pid namespace";
  if (process.forked_outside) return "a member of the pid namespace whose parent lies outside";
  if (process.has_fuse_dev && !process.has_fuse_file)
    return "the FUSE server, a process of the same namespaces";
  if (config.process_of(process.parent).unkillable) return "a child of the init" + of;
  return "a child of " + config.tasks[process.parent].comm;
}

bool all(const std::vector<State>& states, kernel::TaskNo no,
         const std::function<bool(const State&, const Task&)>& holds) {
  return std::all_of(states.begin(), states.end(), [&](const State& s) { return holds(s, s.tasks[no]); });
}

/// What `no` does in all of `states`. `busy`: it moves there without giving way.
std::string task_state(const std::vector<State>& states, kernel::TaskNo no, bool busy) {
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

std::string_view moment_state(const Task& task) {
  if (task.exit_state == ExitState::released) return "gone";
  if (task.cpu != kernel::k_no_cpu) return "runs";
  if (task.run_state == RunState::dead) return "zombie";
  if ((task.flags & kernel::k_on_rq) != 0) return "queued";
  if (task.run_state == RunState::uninterruptible) return "blocked";
  return task.run_state == RunState::idle ? "idle" : "sleeps";
}

/// Runs `steps` again from `from` by their actions; a step that does not fit is a defect of the model.
void replay_or_die(const Machine& machine, const State& from, const Steps& steps) {
  const auto misfit = explorer::replay(machine, from, steps);
  UNZAP_ASSERT(!misfit, "the counterexample does not replay from step {} on", *misfit + 1);
}

/// Appends the words of `steps`, which start at `from`.
void tell(const Machine& machine, const State& from, const Steps& steps, std::vector<CheckStep>& out,
          std::size_t number) {
  const State* at = &from;
  for (const auto& step : steps) {
    out.push_back(in_words(machine, *at, step.action, step.state, number++));
    at = &step.state;
  }
}

}  // namespace

std::string digest_of(const State& state) {
  return fmt::format("{:016x}", XXH3_64bits(&state, sizeof(state)));
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
    if ((task.tif & kernel::k_tif_sigpending) != 0) moment.pending.emplace_back("TIF_SIGPENDING");
    if ((task.tif & kernel::k_tif_notify_signal) != 0) moment.pending.emplace_back("TIF_NOTIFY_SIGNAL");
    out.push_back(std::move(moment));
  }
  return out;
}

CheckStep in_words(const Machine& machine, const State& before, const kernel::Action& action,
                   const State& after, std::size_t number) {
  const kernel::Description words = machine.describe(before, action);
  CheckStep step;
  step.step = number;
  step.cpu = words.cpu == kernel::k_no_cpu ? -1 : words.cpu;
  step.task = words.actor;
  step.function = words.function;
  step.file = words.file;
  step.text = words.text;
  step.action = action;
  step.digest = digest_of(after);
  step.after = moments_of(machine.config(), after);
  return step;
}

std::vector<CheckTask> tasks_in(const Machine& machine, const std::vector<State>& states,
                                const std::vector<bool>& busy) {
  std::vector<CheckTask> out;
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

void tell_lasso(const Machine& machine, const Steps& stem, const Steps& loop, CheckReport& report) {
  const State start = machine.initial();
  const State& head = stem.empty() ? start : stem.back().state;
  replay_or_die(machine, start, stem);
  replay_or_die(machine, head, loop);
  report.start_digest = digest_of(start);
  report.start = moments_of(machine.config(), start);
  tell(machine, start, stem, report.trace, 1);
  tell(machine, head, loop, report.loop, stem.size() + 1);
  report.replayed = true;
}

void tell_broken(const Machine& machine, const Steps& stem, CheckReport& report) {
  const State end = stem.empty() ? machine.initial() : stem.back().state;
  report.verdict = CheckVerdict::broken;
  report.broken = kernel::broken_in(machine.config(), end);
  UNZAP_ASSERT(report.broken, "a way of {} steps breaks no invariant when it is led again", stem.size());
  report.tasks = tasks_in(machine, {end}, std::vector<bool>(machine.config().tasks.size(), false));
  tell_lasso(machine, stem, {}, report);
}

void tell_witnesses(const std::array<std::size_t, 32>& counts, bool complete, CheckReport& report) {
  std::size_t seen = 0;
  for (std::size_t bit = 0; bit < kernel::k_witnesses.size(); ++bit) {
    report.witnesses.emplace_back(kernel::k_witnesses[bit], counts[bit]);
    if (bit != kernel::k_witness_goal) seen += counts[bit];
  }
  report.vacuous = complete && seen == 0;
  report.never_ends = complete && counts[kernel::k_witness_goal] == 0;
}

void describe_request(const CheckRequest& request, const Machine& machine, CheckReport& report) {
  const kernel::Config& config = machine.config();
  for (kernel::TaskNo no = 0; no < config.tasks.size(); ++no)
    report.actors.push_back({config.tasks[no].comm, role_of(config, no)});
  report.scenario = request.scenario.name;
  report.scenario_text = request.scenario_text;
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

}  // namespace unzap
