// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/sched.hpp"

#include "kernel/linux/rcu.hpp"
#include "kernel/linux/signal.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

std::uint8_t bit(std::uint8_t cpu) {
  return static_cast<std::uint8_t>(1U << cpu);
}

void free_cpu(State& s, std::uint8_t cpu) {
  Task& task = s.tasks[s.current[cpu]];
  task.cpu = k_no_cpu;
  s.current[cpu] = k_no_task;
  s.need_resched &= static_cast<std::uint8_t>(~bit(cpu));
}

}  // namespace

bool wake_up(State& s, TaskNo no, WakeMask mask) {
  Task& task = s.tasks[no];
  if (task.run_state == RunState::running || task.run_state == RunState::dead) return false;
  if ((mask & mask_of(task.run_state)) == 0) return false;
  const bool queued = (task.flags & k_on_rq) != 0;
  task.run_state = RunState::running;
  task.flags |= k_on_rq;
  if (!queued && task.rq != k_any_cpu) task.rq = k_no_cpu;
  return true;
}

void schedule(Step& x) {
  Task& task = x.me();
  if (task.run_state != RunState::running) {
    if (task.run_state == RunState::interruptible && signal_pending(task))
      task.run_state = RunState::running;
    else
      task.flags &= static_cast<std::uint8_t>(~k_on_rq);
  }
  rcu_note_context_switch(x.c, x.s, x.cpu);
  free_cpu(x.s, x.cpu);
  x.gave_way = true;
}

void sleep_in(Step& x, RunState state) {
  x.me().run_state = state;
  schedule(x);
}

void do_task_dead(Step& x) {
  Task& task = x.me();
  task.run_state = RunState::dead;
  task.flags &= static_cast<std::uint8_t>(~k_on_rq);
  rcu_note_context_switch(x.c, x.s, x.cpu);
  free_cpu(x.s, x.cpu);
  // What is left of the stack says nothing any more: equal ends shall be equal states.
  task.stack = {};
  task.depth = 0;
  task.local = task.ret = task.snap = task.tif = 0;
  task.flags &= k_pf_exiting;
  task.flags2 &= k_traced;
  x.gave_way = true;
}

bool cond_resched(Step& x) {
  if (x.c.preempt == Preempt::full || (x.s.need_resched & bit(x.cpu)) == 0) return false;
  x.say("cond_resched(): gives way");
  schedule(x);
  return true;
}

bool might_sleep(Step& x) {
  return x.c.preempt == Preempt::voluntary && cond_resched(x);
}

bool can_run(const Config& c, const State& s, TaskNo no, std::uint8_t cpu) {
  const Task& task = s.tasks[no];
  return no < c.tasks.size() && (task.flags & k_on_rq) != 0 && task.cpu == k_no_cpu &&
         (task.allowed & bit(cpu)) != 0 && (task.rq == k_any_cpu || task.rq == cpu);
}

bool has_queued(const Config& c, const State& s, std::uint8_t cpu) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (can_run(c, s, no, cpu)) return true;
  return false;
}

void pick(State& s, TaskNo no, std::uint8_t cpu) {
  UNZAP_ASSERT(s.current[cpu] == k_no_task, "CPU {} is not free", cpu);
  s.current[cpu] = no;
  s.tasks[no].cpu = cpu;
}

void tick(const Config& c, State& s, std::uint8_t cpu) {
  if (c.preempt != Preempt::full) {
    s.need_resched |= bit(cpu);
    return;
  }
  rcu_note_context_switch(c, s, cpu);
  free_cpu(s, cpu);
}

}  // namespace unzap::kernel
