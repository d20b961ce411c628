// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine.hpp"

#include "kernel/exit.hpp"
#include "kernel/io_uring.hpp"
#include "kernel/io_wq.hpp"
#include "kernel/mount_namespace.hpp"
#include "kernel/pid_namespace.hpp"
#include "kernel/rcu.hpp"
#include "kernel/sched.hpp"
#include "kernel/setup.hpp"
#include "kernel/signal.hpp"
#include "kernel/task_work.hpp"
#include "kernel/wait.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

Routine top(const Task& task) {
  return task.depth == 0 ? Routine::none : task.stack[task.depth - 1U].routine;
}
std::uint8_t bit(std::uint8_t cpu) {
  return static_cast<std::uint8_t>(1U << cpu);
}

void run(Step& x) {
  switch (top(x.me())) {
    case Routine::syscall_exit_group:
      x.say("calls exit_group(2)");
      return x.call(Routine::do_group_exit, k_tail);
    case Routine::syscall_exit: x.say("calls exit(2)"); return x.call(Routine::do_exit, k_tail);
    case Routine::syscall_sleep: return step_syscall_sleep(x);
    case Routine::exit_to_user_mode: return step_exit_to_user_mode(x);
    case Routine::kthread: return step_kthread(x);
    case Routine::get_signal: return step_get_signal(x);
    case Routine::do_group_exit: return step_do_group_exit(x);
    case Routine::task_work_run: return step_task_work_run(x);
    case Routine::do_exit: return step_do_exit(x);
    case Routine::exit_signals: return step_exit_signals(x);
    case Routine::exit_notify: return step_exit_notify(x);
    case Routine::do_wait: return step_do_wait(x);
    case Routine::zap_pid_ns_processes: return step_zap_pid_ns_processes(x);
    case Routine::exit_task_namespaces: return step_exit_task_namespaces(x);
    case Routine::put_mnt_ns: return step_put_mnt_ns(x);
    case Routine::namespace_unlock: return step_namespace_unlock(x);
    case Routine::synchronize_rcu_expedited: return step_synchronize_rcu_expedited(x);
    case Routine::exp_funnel_lock: return step_exp_funnel_lock(x);
    case Routine::wait_rcu_exp_gp: return step_wait_rcu_exp_gp(x);
    case Routine::io_uring_cancel_generic: return step_io_uring_cancel_generic(x);
    case Routine::io_ring_ctx_wait_and_kill: return step_io_ring_ctx_wait_and_kill(x);
    case Routine::io_wq_put_and_exit: return step_io_wq_put_and_exit(x);
    case Routine::io_worker: return step_io_worker(x);
    case Routine::io_worker_handle_work: return step_io_worker_handle_work(x);
    case Routine::io_wq_do_work: return step_io_wq_do_work(x);
    case Routine::io_queue_worker_create: return step_io_queue_worker_create(x);
    case Routine::io_worker_exit: return step_io_worker_exit(x);
    case Routine::io_sq_thread: return step_io_sq_thread(x);
    default:
      UNZAP_ASSERT(false, "{} runs at a routine without steps: {}", x.my().comm,
                   static_cast<int>(top(x.me())));
  }
}

bool idle_worker(const Task& task) {
  return top(task) == Routine::io_worker && task.run_state == RunState::interruptible &&
         (task.flags & k_on_rq) == 0;
}

}  // namespace

Machine::Machine(const Scenario& scenario, const Variant& variant, Preempt preempt)
    : config_(make_config(scenario, variant, preempt)) {}

Machine::State Machine::initial() const {
  return initial_state(config_);
}

bool Machine::is_goal(const State& s) const {
  for (TaskNo no = 0; no < config_.tasks.size(); ++no) {
    const Task& task = s.tasks[no];
    if (no == config_.kworker) {
      if (task.run_state != RunState::idle) return false;
    } else if (task.exit_state != ExitState::released || task.run_state != RunState::dead) {
      return false;
    }
  }
  return s.mnt_ns_gone != 0 || config_.scenario.outside_holders > 0;
}

std::uint32_t Machine::witnesses(const State& s) const {
  std::uint32_t bits = is_goal(s) ? 8U : 0U;
  if (s.child_reaper != config_.leader) bits |= 2U;
  for (const Task& task : s.tasks) {
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
    if (config_.scenario.idle_timeouts && idle_worker(s.tasks[no])) add({Event::timeout, k_no_cpu, no});
    if (s.tasks[no].rq != k_no_cpu || (s.tasks[no].flags & k_on_rq) == 0) continue;
    for (std::uint8_t cpu = 0; cpu < config_.scenario.cpus; ++cpu)
      if ((s.tasks[no].allowed & bit(cpu)) != 0) add({Event::place, cpu, no});
  }
  const Task& leader = s.tasks[config_.leader];
  if (leader.exit_state == ExitState::zombie && s.processes[0].notified_outside != 0)
    add({Event::reap, k_no_cpu, config_.leader});
  if (config_.scenario.ending == Ending::sigkill && s.processes[0].sigkill_shared == 0)
    add({Event::kill, k_no_cpu, config_.leader});
  if (s.threadgroup_rwsem != 0)
    add({Event::migrate_end});
  else if (s.migrations > 0)
    add({Event::migrate_begin});
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
      Step x(config_, s, action.task, action.cpu, text);
      run(x);
      if (words) say(comm(), info(x.where).function, info(x.where).file, words->text);
      return {action.task, !x.gave_way};
    }
    case Event::pick:
      pick(s, action.task, action.cpu);
      if (words) say("scheduler", "__schedule", "kernel/sched/core.c", "picks " + comm());
      break;
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
    case Event::timeout:
      s.tasks[action.task].flags |= k_timed_out;
      wake_up(s, action.task, k_wake_interruptible);
      if (words) say("irq", "process_timeout", "kernel/time/timer.c", "5 s are over for " + comm());
      break;
    case Event::reap:
      s.tasks[action.task].exit_state = ExitState::released;
      --s.pid_allocated;
      if (words) say("outside", "wait4", "kernel/exit.c", "the parent outside reaps " + comm());
      break;
    case Event::kill:
      send_sigkill(config_, s, config_.leader);
      if (words)
        say("outside", "kill", "kernel/signal.c", "SIGKILL to " + comm() + " from an ancestor pid namespace");
      break;
    case Event::migrate_begin:
      s.threadgroup_rwsem = 1;
      --s.migrations;
      say("outside", "cgroup_attach_lock", "kernel/cgroup/cgroup.c",
          "a cgroup migration holds the thread groups");
      break;
    case Event::migrate_end:
      s.threadgroup_rwsem = 0;
      for (TaskNo no = 0; no < config_.tasks.size(); ++no)
        if (top(s.tasks[no]) == Routine::exit_signals) wake_up(s, no, mask_of(RunState::uninterruptible));
      say("outside", "cgroup_attach_unlock", "kernel/cgroup/cgroup.c", "the cgroup migration is over");
      break;
  }
  return {};
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
    for (const std::string_view function : info(task.stack[depth].routine).frames)
      out.push_back(function == "io_wqe_worker" && after_6_6 ? "io_wq_worker" : function);
  // Since ret_from_fork() was rewritten in C (6.6) its assembler part prints a frame of its own.
  if (after_6_6 && !out.empty() && out.back() == "ret_from_fork") out.push_back("ret_from_fork_asm");
  return out;
}

}  // namespace unzap::kernel
