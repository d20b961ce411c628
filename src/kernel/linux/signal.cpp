// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/signal.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/task_work.hpp"

namespace unzap::kernel {
namespace {

/// signal_wake_up(t, fatal)
void signal_wake_up(State& s, TaskNo no) {
  s.tasks[no].tif |= k_tif_sigpending;
  wake_up(s, no, k_wake_interruptible);
}

/// create_io_thread() blocks all but SIGKILL and SIGSTOP.
bool blocks_sigterm(const TaskInfo& task) {
  return task.io_thread;
}

/// recalc_sigpending(): never looks at TIF_NOTIFY_SIGNAL.
void recalc_sigpending(Step& x) {
  Task& task = x.me();
  const bool pending = (task.flags & k_sigkill_private) != 0 || x.process().sigkill_shared != 0 ||
                       (task.flags2 & k_jobctl_task_work) != 0 ||
                       (x.process().sigterm_shared != 0 && !blocks_sigterm(x.my()));
  task.tif = static_cast<std::uint8_t>(pending ? task.tif | k_tif_sigpending : task.tif & ~k_tif_sigpending);
}

/// wants_signal(SIGKILL)
bool wants_sigkill(const Task& task) {
  return (task.flags & k_pf_exiting) == 0 && task.exit_state == ExitState::none;
}

/// wants_signal(SIGTERM)
bool wants_sigterm(const Config& c, const Task& task, TaskNo no) {
  const bool busy = task.cpu != k_no_cpu || (task.tif & k_tif_sigpending) == 0;
  return !blocks_sigterm(c.tasks[no]) && wants_sigkill(task) && busy;
}

/// The thread of the group that takes the signal: the one that it was sent to, else the first that wants it.
template <class Wants>
TaskNo choose_thread(const Config& c, const State& s, TaskNo target, const Wants& wants) {
  if (wants(s.tasks[target], target)) return target;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].process == c.tasks[target].process && wants(s.tasks[no], no)) return no;
  return k_no_task;
}

/// complete_signal() of a fatal signal: a group exit begins.
void kill_group(const Config& c, State& s, std::uint8_t process) {
  s.processes[process].group_exit = 1;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].process == process && s.tasks[no].exit_state == ExitState::none) signal_fatally(s, no);
}

// get_signal(), step by step.

void clear_notify_signal(Step& x) {
  Task& task = x.me();
  const bool notified = (task.tif & k_tif_notify_signal) != 0;
  if (notified && x.c.has(Switch::get_signal_clears_notify)) {
    task.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
    x.say("clears TIF_NOTIFY_SIGNAL");
  } else {
    x.say("{}", notified ? "leaves TIF_NOTIFY_SIGNAL as it is" : "looks for signals");
  }
  if ((task.flags2 & k_jobctl_task_work) != 0) {
    task.flags2 &= static_cast<std::uint8_t>(~k_jobctl_task_work);
    x.say("clears JOBCTL_TASK_WORK");
  }
  if (has_task_work(task)) x.call(Routine::task_work_run);
}

void dequeue_signal(Step& x) {
  Task& task = x.me();
  Process& group = x.process();
  if (x.c.has(Switch::get_signal_clears_notify) && (task.tif & k_tif_sigpending) == 0) {
    x.say("no signal");
    return x.ret(0);
  }
  if (group.group_exit == 0 && (task.flags2 & k_frozen) != 0 && x.my_process().frozen == Freezer::v2) {
    x.say("the cgroup is frozen");
    return x.call_then_again(Routine::do_freezer_trap);
  }
  if (group.group_exit == 0 && group.sigterm_shared != 0 && !blocks_sigterm(x.my())) {
    group.sigterm_shared = 0;
    x.say("takes SIGTERM, for which there is no handler");
    return x.tail_call(Routine::do_group_exit);
  }
  if (group.group_exit == 0) {
    recalc_sigpending(x);
    x.say("no signal");
    return x.ret(0);
  }
  task.flags &= static_cast<std::uint8_t>(~k_sigkill_private);
  recalc_sigpending(x);
  x.say("takes SIGKILL");
  if ((task.flags & k_pf_io_worker) != 0) return x.ret(1);
  x.tail_call(Routine::do_group_exit);
}

void do_coredump(Step& x) {
  if ((x.me().flags & k_pf_io_worker) != 0 && x.c.has(Switch::worker_does_not_dump)) {
    x.say("a signal that dumps core: a worker leaves that to others");
    return x.ret(1);
  }
  x.say("takes a signal that dumps core");
  x.call(Routine::do_coredump);
}

void do_group_exit(Step& x) {
  if ((x.me().flags & k_pf_io_worker) != 0) return x.ret(1);
  x.tail_call(Routine::do_group_exit);
}

/// Calls while a cgroup migration holds the thread groups.
void exit_signals(Step& x) {
  if (x.s.threadgroup_rwsem != 0) {
    x.say("waits for cgroup_threadgroup_rwsem");
    return sleep_in(x, RunState::uninterruptible);
  }
  x.say("goes on: cgroup_threadgroup_rwsem is free");
  x.ret();
}

/// A thread in a system call.
void syscall_sleep(Step& x) {
  x.me().run_state = RunState::running;
  x.say("wakes up");
  x.become(Routine::exit_to_user_mode);
}

/// And on its way back to user mode.
void exit_to_user_mode(Step& x) {
  Task& task = x.me();
  if (!signal_pending(task)) {
    x.say("back in user mode, and to sleep again in a system call");
    x.become(Routine::syscall_sleep);
    return sleep_in(x, RunState::interruptible);
  }
  // 5.15 clears the flag in tracehook_notify_signal() before it looks at signals, 6.1 in get_signal().
  task.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
  x.say("a signal is pending");
  x.call_then_again(Routine::get_signal);
}

// Once the group ends these lead to do_exit(); before, they may lead back to sleep.
constexpr Facts k_inside = {.own_container = true, .once_group_exits = true};

constexpr Program k_programs[] = {
    {.routine = Routine::syscall_sleep,
     .function = "pause",
     .file = "kernel/signal.c",
     .frames = {"__x64_sys_pause", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
     .steps = {{syscall_sleep, k_inside}},
     .woken_by_members = true},
    {.routine = Routine::exit_to_user_mode,
     .function = "exit_to_user_mode_loop",
     .file = "kernel/entry/common.c",
     .frames = {"arch_do_signal_or_restart", "exit_to_user_mode_prepare", "syscall_exit_to_user_mode",
                "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
     .steps = {{exit_to_user_mode, k_inside}}},
    {.routine = Routine::get_signal,
     .function = "get_signal",
     .file = "kernel/signal.c",
     .frames = {"get_signal"},
     .steps =
         {
             {GetSignal::clear_notify_signal, clear_notify_signal, k_inside},
             {GetSignal::dequeue_signal, dequeue_signal, k_inside},
             {GetSignal::do_coredump, do_coredump, k_inside},
             {GetSignal::do_group_exit, do_group_exit, k_inside},
         }},
    {.routine = Routine::exit_signals,
     .function = "exit_signals",
     .file = "kernel/signal.c",
     .frames = {"exit_signals"},
     .steps = {{exit_signals}}},
};

}  // namespace

std::span<const Program> signal_programs() {
  return k_programs;
}

bool set_notify_flag(const Config& c, State& s, TaskNo no) {
  Task& task = s.tasks[no];
  if (c.has(Switch::task_work_by_jobctl)) {
    if ((task.flags2 & k_jobctl_task_work) != 0 || task.exit_state == ExitState::released) return false;
    task.flags2 |= k_jobctl_task_work;
    task.tif |= k_tif_sigpending;
    return true;
  }
  if ((task.tif & k_tif_notify_signal) != 0) return false;
  task.tif |= k_tif_notify_signal;
  return true;
}

void signal_fatally(State& s, TaskNo no) {
  s.tasks[no].flags |= k_sigkill_private;
  signal_wake_up(s, no);
}

void zap_other_threads(Step& x) {
  x.process().group_exit = 1;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    if (no == x.self || x.c.tasks[no].process != x.my().process) continue;
    Task& task = x.s.tasks[no];
    if (task.exit_state != ExitState::none) continue;
    signal_fatally(x.s, no);
    x.say("SIGKILL to {}", x.comm(no));
  }
}

bool send_sigkill(const Config& c, State& s, TaskNo target) {
  const std::uint8_t process = c.tasks[target].process;
  Process& group = s.processes[process];
  if (c.has(Switch::drop_signals_to_dying_group) && group.group_exit != 0 && group.dumping == 0) return false;
  group.sigkill_shared = 1;
  const TaskNo chosen =
      choose_thread(c, s, target, [](const Task& task, TaskNo) { return wants_sigkill(task); });
  if (chosen == k_no_task) return false;
  if (group.group_exit != 0)
    signal_wake_up(s, chosen);
  else
    kill_group(c, s, process);
  return true;
}

Term send_sigterm(const Config& c, State& s, TaskNo target) {
  const std::uint8_t process = c.tasks[target].process;
  Process& group = s.processes[process];
  if (group.group_exit != 0 && (c.has(Switch::drop_signals_to_dying_group) || group.dumping != 0))
    return Term::dropped;
  if (group.group_exit == 0 && c.processes[process].unkillable) return Term::ignored;
  group.sigterm_shared = 1;
  const TaskNo chosen =
      choose_thread(c, s, target, [&](const Task& task, TaskNo no) { return wants_sigterm(c, task, no); });
  if (chosen == k_no_task) return Term::pending;
  if (group.group_exit == 0) {
    kill_group(c, s, process);
    return Term::killed;
  }
  signal_wake_up(s, chosen);
  return Term::woke;
}

}  // namespace unzap::kernel
