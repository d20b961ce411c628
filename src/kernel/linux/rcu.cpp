// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/rcu.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"

namespace unzap::kernel {
namespace {

/// What exp_funnel_lock() returns, as Task::ret, when another caller's grace period served.
constexpr std::uint8_t k_gp_served = 1;

std::uint8_t bit(std::uint8_t cpu) {
  return static_cast<std::uint8_t>(1U << cpu);
}

bool preemptible_rcu(const Config& c) {
  return c.preempt == Preempt::full;
}

/// Nothing more to wait for: no CPU, and under PREEMPT_RCU no preempted reader.
bool all_quiescent(const Config& c, const State& s) {
  if (s.rcu.mask != 0) return false;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if ((s.tasks[no].flags & k_rcu_blocks_gp) != 0) return false;
  return true;
}

void wake_kworker_if_done(const Config& c, State& s) {
  if (all_quiescent(c, s)) wake_up(s, c.kworker, mask_of(RunState::uninterruptible));
}

/// rcu_report_exp_cpu_mult()
void report(const Config& c, State& s, std::uint8_t cpu) {
  s.rcu.mask &= static_cast<std::uint8_t>(~bit(cpu));
  s.rcu.asked &= static_cast<std::uint8_t>(~bit(cpu));
  wake_kworker_if_done(c, s);
}

bool in_idle(const Config& c, const State& s, std::uint8_t cpu) {
  return s.current[cpu] == k_no_task && !has_queued(c, s, cpu);
}

/// Everybody but this CPU and the idle ones, each by an IPI.
void sync_rcu_exp_select_cpus(Step& x) {
  State& s = x.s;
  s.rcu.mask = 0;
  s.rcu.asked = 0;
  for (std::uint8_t cpu = 0; cpu < x.c.scenario.cpus; ++cpu)
    if (cpu != x.cpu && !in_idle(x.c, s, cpu)) s.rcu.mask |= bit(cpu);
  s.rcu.ipi = s.rcu.mask;
  if (preemptible_rcu(x.c))
    for (TaskNo no = 0; no < x.c.tasks.size(); ++no)
      if ((s.tasks[no].flags & k_rcu_reader) != 0 && s.tasks[no].cpu == k_no_cpu)
        s.tasks[no].flags |= k_rcu_blocks_gp;
  std::string cpus;
  for (std::uint8_t cpu = 0; cpu < x.c.scenario.cpus; ++cpu)
    if ((s.rcu.mask & bit(cpu)) != 0) cpus += (cpus.empty() ? "CPU" : ", CPU") + std::to_string(cpu);
  x.say("sync_rcu_exp_select_cpus(): {}",
        cpus.empty() ? "all other CPUs are idle" : "sends an IPI to " + cpus);
}

/// The grace period is over; wakes all who waited for it.
void end_grace_period(Step& x) {
  State& s = x.s;
  s.rcu.running = 0;
  ++s.rcu.done;
  s.rcu.ipi = 0;
  x.say("the expedited grace period ends");
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    const Task& task = s.tasks[no];
    if (task.depth == 0 || task.snap == 0 || task.snap > s.rcu.done) continue;
    if (!is_in(task, Routine::synchronize_rcu_expedited) && !is_in(task, Routine::exp_funnel_lock)) continue;
    if (wake_up(s, no, mask_of(RunState::uninterruptible))) x.say("wakes {}", x.comm(no));
  }
  x.ret();
}

void unlock_exp_mutex(Step& x) {
  x.s.rcu.exp_mutex = k_no_task;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no)
    if (is_at(x.s.tasks[no], ExpFunnelLock::mutex_lock)) wake_up(x.s, no, mask_of(RunState::uninterruptible));
}

void leave_synchronize(Step& x) {
  x.me().snap = 0;
  x.ret();
}

// synchronize_rcu_expedited(), step by step.

void rcu_exp_gp_seq_snap(Step& x) {
  if (x.c.has(Switch::expedited_single_cpu_shortcut) && x.c.scenario.cpus == 1 && !preemptible_rcu(x.c)) {
    x.say("one CPU: a grace period is over at once");
    return leave_synchronize(x);
  }
  x.me().snap = static_cast<std::uint8_t>(x.s.rcu.done + 1 + x.s.rcu.running);
  x.call(Routine::exp_funnel_lock);
  x.at_once();
}

void queue_work(Step& x) {
  if (x.me().ret == k_gp_served) {
    x.say("another caller's grace period served");
    return leave_synchronize(x);
  }
  x.s.rcu.running = 1;
  x.s.rcu.work_queued = 1;
  x.s.tasks[x.c.kworker].allowed = bit(x.cpu);
  wake_up(x.s, x.c.kworker, mask_of(RunState::idle));
  x.say("starts a grace period; the work goes to the kworker of CPU{}", x.cpu);
}

void wait_for_grace_period(Step& x) {
  if (x.s.rcu.done < x.me().snap) {
    x.say("sleeps until the grace period is over");
    return sleep_in(x, RunState::uninterruptible);
  }
  unlock_exp_mutex(x);
  x.say("the grace period is over");
  leave_synchronize(x);
}

// exp_funnel_lock(), step by step. It returns whether another caller's grace period served, or exp_mutex.

void mutex_trylock(Step& x) {
  Rcu& rcu = x.s.rcu;
  if (rcu.requested < x.me().snap && rcu.exp_mutex == k_no_task) {
    rcu.exp_mutex = x.self;
    x.say("takes exp_mutex");
    return x.ret();
  }
  if (rcu.requested >= x.me().snap) return x.say("somebody asked for this grace period already");
  rcu.requested = x.me().snap;
  x.say("asks for a grace period, exp_mutex is taken");
  x.goes_to(ExpFunnelLock::mutex_lock);
}

void wait_for_that_one(Step& x) {
  if (x.s.rcu.done >= x.me().snap) return x.ret(k_gp_served);
  x.say("sleeps until that one is over");
  sleep_in(x, RunState::uninterruptible);
}

void mutex_lock(Step& x) {
  if (x.s.rcu.exp_mutex != k_no_task) {
    x.say("waits for exp_mutex");
    return sleep_in(x, RunState::uninterruptible);
  }
  if (x.s.rcu.done >= x.me().snap) return x.ret(k_gp_served);
  x.s.rcu.exp_mutex = x.self;
  x.say("takes exp_mutex");
  x.ret();
}

void rcu_exp_wait_wake(Step& x) {
  if (all_quiescent(x.c, x.s)) return end_grace_period(x);
  x.say("sleeps until every CPU has passed a quiescent state");
  sleep_in(x, RunState::uninterruptible);
}

/// worker_thread() of the kworker: takes the queued work or sleeps.
void worker_thread(Step& x) {
  if (x.s.rcu.work_queued == 0) {
    x.say("no work left");
    return sleep_in(x, RunState::idle);
  }
  x.s.rcu.work_queued = 0;
  x.call_then_again(Routine::wait_rcu_exp_gp);
  x.at_once();
}

constexpr Program k_programs[] = {
    {.routine = Routine::synchronize_rcu_expedited,
     .function = "synchronize_rcu_expedited",
     .file = "kernel/rcu/tree_exp.h",
     .frames = {"synchronize_rcu_expedited"},
     .steps =
         {
             {SynchronizeRcuExpedited::rcu_exp_gp_seq_snap, rcu_exp_gp_seq_snap},
             {SynchronizeRcuExpedited::queue_work, queue_work},
             {SynchronizeRcuExpedited::wait_event, wait_for_grace_period},
         }},
    {.routine = Routine::exp_funnel_lock,
     .function = "exp_funnel_lock",
     .file = "kernel/rcu/tree_exp.h",
     .frames = {"exp_funnel_lock"},
     .steps =
         {
             {ExpFunnelLock::mutex_trylock, mutex_trylock},
             {ExpFunnelLock::wait_event, wait_for_that_one},
             {ExpFunnelLock::mutex_lock, mutex_lock},
         }},
    {.routine = Routine::wait_rcu_exp_gp,
     .function = "wait_rcu_exp_gp",
     .file = "kernel/rcu/tree_exp.h",
     .frames = {"rcu_exp_wait_wake", "wait_rcu_exp_gp"},
     .steps =
         {
             {WaitRcuExpGp::sync_rcu_exp_select_cpus, sync_rcu_exp_select_cpus},
             {WaitRcuExpGp::rcu_exp_wait_wake, rcu_exp_wait_wake},
         }},
    {.routine = Routine::kthread,
     .function = "worker_thread",
     .file = "kernel/workqueue.c",
     .frames = {"process_one_work", "worker_thread", "kthread", "ret_from_fork"},
     .steps = {{worker_thread}}},
};

}  // namespace

std::span<const Program> rcu_programs() {
  return k_programs;
}

void rcu_note_context_switch(const Config& c, State& s, std::uint8_t cpu) {
  Task& task = s.tasks[s.current[cpu]];
  if (preemptible_rcu(c) && (task.flags & k_rcu_reader) != 0 && (s.rcu.mask & bit(cpu)) != 0)
    task.flags |= k_rcu_blocks_gp;
  if ((s.rcu.asked & bit(cpu)) != 0) report(c, s, cpu);
}

bool rcu_ipi_can_arrive(const Config& c, const State& s, std::uint8_t cpu) {
  if ((s.rcu.ipi & bit(cpu)) == 0) return false;
  return s.current[cpu] != k_no_task || !has_queued(c, s, cpu);
}

std::string_view rcu_exp_handler(const Config& c, State& s, std::uint8_t cpu) {
  s.rcu.ipi &= static_cast<std::uint8_t>(~bit(cpu));
  if ((s.rcu.mask & bit(cpu)) == 0) return "nothing to report any more";
  if (in_idle(c, s, cpu)) {
    report(c, s, cpu);
    return "the CPU is idle: a quiescent state";
  }
  const Task& task = s.tasks[s.current[cpu]];
  const bool reader = (task.flags & k_rcu_reader) != 0;
  if (!reader && (preemptible_rcu(c) || c.has(Switch::preempt_count_quiescent))) {
    report(c, s, cpu);
    return "no read-side section: a quiescent state";
  }
  s.rcu.asked |= bit(cpu);
  if (preemptible_rcu(c)) return "in a read-side section: rcu_read_unlock() will report";
  s.need_resched |= bit(cpu);
  return "sets TIF_NEED_RESCHED; the kernel is not preempted, the CPU reports only when it calls schedule()";
}

void rcu_read_lock(Step& x) {
  x.me().flags |= k_rcu_reader;
}

void rcu_read_unlock(Step& x) {
  Task& me = x.me();
  const bool blocked_gp = (me.flags & k_rcu_blocks_gp) != 0;
  me.flags &= static_cast<std::uint8_t>(~(k_rcu_reader | k_rcu_blocks_gp));
  if (!preemptible_rcu(x.c)) return;
  if ((x.s.rcu.asked & bit(x.cpu)) != 0)
    report(x.c, x.s, x.cpu);
  else if (blocked_gp)
    wake_kworker_if_done(x.c, x.s);
}

}  // namespace unzap::kernel
