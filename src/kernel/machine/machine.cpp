// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/machine.hpp"

#include "kernel/linux/rcu.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/machine/invariants.hpp"
#include "kernel/machine/partial_order.hpp"
#include "kernel/story/cast.hpp"
#include "kernel/story/initial_state.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

std::uint8_t bit(std::uint8_t cpu) {
  return static_cast<std::uint8_t>(1U << cpu);
}

}  // namespace

Machine::Machine(const Scenario& scenario, const Variant& variant, Preempt preempt)
    : config_(make_config(scenario, variant, preempt)), symmetry_(config_) {}

Machine::State Machine::initial() const {
  return start_ ? *start_ : initial_state(config_);
}

Machine Machine::started_at(const State& state) const {
  Machine machine = *this;
  machine.start_ = state;
  return machine;
}

bool Machine::is_goal(const State& s) const {
  for (TaskNo no = 0; no < config_.tasks.size(); ++no) {
    const Task& task = s.tasks[no];
    if (no == config_.kworker) {
      if (task.run_state != RunState::idle) return false;
    } else if (no == config_.outside) {
      if (task.run_state == RunState::uninterruptible) return false;
    } else if (task.exit_state != ExitState::released || task.run_state != RunState::dead) {
      return false;
    }
  }
  for (std::size_t no = 0; no < config_.containers.size(); ++no) {
    if (s.mnt_ns[no].gone == 0 && config_.containers[no].outside_holders == 0) return false;
  }
  return true;
}

std::uint32_t Machine::witnesses(const State& s) const {
  std::uint32_t bits = is_goal(s) ? 8U : 0U;
  for (const Container& container : config_.containers)
    if (s.pid_ns[container.pid_ns].child_reaper != container.leader) bits |= 2U;
  for (std::size_t no = 0; no < config_.tasks.size(); ++no) {
    const Task& task = s.tasks[no];
    for (std::size_t depth = 0; depth < task.depth; ++depth) {
      const Routine routine = task.stack[depth].routine;
      const bool counts = (task.tif & k_tif_notify_signal) != 0 && (task.flags & k_pf_no_notify_signal) == 0;
      if (routine == Routine::zap_pid_ns_processes && counts) bits |= 1U;
      if (routine == Routine::synchronize_rcu_expedited && task.run_state == RunState::uninterruptible)
        bits |= 4U;
    }
  }
  return bits;
}

std::string_view Machine::violated(const State& s) const {
  const Invariant* const broken = broken_in(config_, s);
  return broken ? broken->name : std::string_view();
}

std::size_t Machine::enabled(const State& s, std::array<Action, k_max_actions>& out) const {
  std::size_t count = 0;
  const auto add = [&](Action action) { out[count++] = action; };
  for (std::uint8_t cpu = 0; cpu < config_.scenario.cpus; ++cpu) {
    if (s.current[cpu] == k_no_task) {
      for (TaskNo no = 0; no < config_.tasks.size(); ++no)
        if (can_run(config_, s, no, cpu)) add({Event::pick, cpu, no});
    } else {
      add({Event::run, cpu, s.current[cpu]});
      if ((s.need_resched & bit(cpu)) == 0 && has_queued(config_, s, cpu))
        add({Event::tick, cpu, s.current[cpu]});
    }
    if (rcu_ipi_can_arrive(config_, s, cpu)) add({Event::ipi, cpu, s.current[cpu]});
  }
  for (TaskNo no = 0; no < config_.tasks.size(); ++no) {
    if (s.tasks[no].rq != k_no_cpu || (s.tasks[no].flags & k_on_rq) == 0) continue;
    for (std::uint8_t cpu = 0; cpu < config_.scenario.cpus; ++cpu)
      if ((s.tasks[no].allowed & bit(cpu)) != 0) add({Event::place, cpu, no});
  }
  for_each_environment(config_, s, [&](Environment what, TaskNo task) {
    add({Event::environment, k_no_cpu, task, what});
  });
  return count;
}

explorer::Label Machine::apply(const Action& action, State& s, Description* words) const {
  std::string* text = words ? &words->text : nullptr;
  const auto say = [&](std::string_view actor, std::string_view function, std::string_view file,
                       std::string what) {
    if (!words) return;
    words->actor = actor;
    words->function = function;
    words->file = file;
    words->text = std::move(what);
  };
  const auto comm = [&] { return config_.tasks[action.task].comm; };
  switch (action.event) {
    case Event::run: {
      Step x(config_, s, action.task, action.cpu, text, words ? &words->steps : nullptr);
      x.take();
      if (words) say(comm(), program(x.where).function, program(x.where).file, words->text);
      const Task& task = s.tasks[action.task];
      return {action.task, (task.flags & k_on_rq) != 0 && task.run_state != RunState::dead};
    }
    case Event::pick:
      pick(s, action.task, action.cpu);
      if (words) say("scheduler", "__schedule", "kernel/sched/core.c", "picks " + comm());
      return {action.task, true};
    case Event::tick:
      if (words)
        say("irq", "scheduler_tick", "kernel/sched/core.c",
            config_.preempt == Preempt::full
                ? "puts " + comm() + " aside: the kernel is preempted"
                : "sets TIF_NEED_RESCHED on " + comm() + "; kernel code goes on until it gives way");
      tick(config_, s, action.cpu);
      break;
    case Event::ipi: {
      const std::string_view what = rcu_exp_handler(config_, s, action.cpu);
      if (words) say("irq", "rcu_exp_handler", "kernel/rcu/tree_exp.h", std::string(what));
      break;
    }
    case Event::place:
      s.tasks[action.task].rq = action.cpu;
      if (words) say("scheduler", "select_task_rq", "kernel/sched/core.c", "queues " + comm() + " here");
      break;
    case Event::environment: {
      const EnvironmentWords done = apply_environment(config_, s, action.what, action.task);
      if (words) say("outside", done.function, done.file, done.text);
      break;
    }
  }
  return {};
}

bool Machine::find_lone(const State& s, Action& action, State& next, explorer::Label& label) const {
  const std::optional<Action> lone = lone_step(config_, s);
  if (!lone) return false;
  action = *lone;
  label = apply(action, next, nullptr);
  return stays_lone(config_, s, next, action);
}

Description Machine::describe(const State& s, const Action& action) const {
  Description words;
  words.cpu = action.cpu;
  words.task = action.task;
  State next = s;
  apply(action, next, &words);
  return words;
}

std::vector<std::string_view> backtrace(const Config& config, const Task& task) {
  const bool after_6_6 = config.has(Switch::worker_flag_kept);
  std::vector<std::string_view> out;
  for (std::size_t depth = task.depth; depth-- > 0;)
    for (const std::string_view function : program(task.stack[depth].routine).frames)
      out.push_back(function == "io_wqe_worker" && after_6_6 ? "io_wq_worker" : function);
  // Since ret_from_fork() was rewritten in C (6.6) its assembler part prints a frame of its own.
  if (after_6_6 && !out.empty() && out.back() == "ret_from_fork") out.push_back("ret_from_fork_asm");
  return out;
}

}  // namespace unzap::kernel
