// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/exit.hpp"

#include "kernel/linux/coredump.hpp"
#include "kernel/linux/fuse.hpp"
#include "kernel/linux/pid_namespace.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"
#include "kernel/story/outside.hpp"

namespace unzap::kernel {
namespace {

/// do_notify_parent(), and the words for it.
bool notify_parent(Step& x, TaskNo no) {
  TaskNo woken = k_no_task;
  const bool ignored = do_notify_parent(x.c, x.s, no, &woken);
  if (woken != k_no_task) x.say("wakes {} in do_wait()", x.comm(woken));
  return ignored;
}

void sys_exit_group(Step& x) {
  x.say("calls exit_group(2)");
  x.tail_call(Routine::do_group_exit);
}

void sys_exit(Step& x) {
  x.say("calls exit(2)");
  x.tail_call(Routine::do_exit);
}

void do_group_exit(Step& x) {
  if (x.process().group_exit == 0) {
    zap_other_threads(x);
    x.say("SIGNAL_GROUP_EXIT");
  } else {
    x.say("joins the exit of the group");
  }
  x.tail_call(Routine::do_exit);
}

// do_exit(), step by step.

void synchronize_group_exit(Step& x) {
  if (x.process().quick_threads > 0 && --x.process().quick_threads == 0) x.process().group_exit = 1;
}

/// An SQPOLL thread has cancelled its requests before.
void io_uring_files_cancel(Step& x) {
  if (x.my().owns_wq == 0xff || x.my().sqpoll) return;
  x.say("io_uring_files_cancel()");
  x.call(Routine::io_uring_cancel_generic);
}

/// From here on the thread is not a candidate for find_alive_thread() and wants no signals.
void exit_signals(Step& x) {
  if (x.s.threadgroup_rwsem != 0) return x.call_then_again(Routine::exit_signals);
  x.me().flags |= k_pf_exiting;
  x.say("exit_signals(): PF_EXITING");
}

/// Nobody looks at the mm; this is where a task that has to flush a file comes back to.
void exit_mm(Step&) {}

/// The last user of the files drops the ring; its final fput becomes task work of this task.
void exit_files(Step& x) {
  if (must_flush(x)) {
    x.say("exit_files(): closes a file of a FUSE mount");
    return x.call_then(Routine::fuse_flush, DoExit::exit_mm);
  }
  Process& process = x.process();
  if (process.files_users == 0 || --process.files_users > 0) return;
  if (x.my_process().has_fuse_dev) put_fuse_dev(x.c, x.s);
  if (process.armed == 0 || x.my_process().ring_is_shared) return;
  task_work_push(x.s, x.self, k_work_fput);
  x.say("exit_files(): last user, the final fput of the ring becomes task work");
}

void exit_task_namespaces(Step& x) {
  if (!x.my().in_namespaces) return;
  const int users = --x.mnt_ns().nsproxy_refs;
  x.say("exit_task_namespaces(): drops its nsproxy, users left: {}", users);
  if (users == 0) x.call(Routine::exit_task_namespaces);
}

void exit_task_work(Step& x) {
  if (has_task_work(x.me())) {
    x.say("exit_task_work()");
    return x.call(Routine::task_work_run);
  }
  x.me().works = k_work_exited;
  x.say("exit_task_work(): nothing queued, work_exited goes in");
}

/// exit_tasks_rcu_start(), exit_notify().
void exit_notify(Step& x) {
  x.me().flags2 |= k_exit_srcu;
  x.call(Routine::exit_notify);
  x.at_once();
}

/// exit_tasks_rcu_finish(), do_task_dead().
void task_dead(Step& x) {
  leave_exit_section(x.c, x.s, x.self);
  x.say("do_task_dead(): off the CPU forever");
  do_task_dead(x);
  dying_task_left(x.c, x.s);
}

// exit_notify(), step by step, under tasklist_lock.

void find_child_reaper(Step& x) {
  if (x.pid_ns().child_reaper != x.self) return;
  const TaskNo alive = find_alive_thread(x.c, x.s, x.my().process);
  if (alive == k_no_task) {
    x.say("find_child_reaper(): no thread of init is alive, {} must empty the namespace", x.my().comm);
    return x.call(Routine::zap_pid_ns_processes);
  }
  x.pid_ns().child_reaper = alive;
  x.say("find_child_reaper(): {} becomes child_reaper", x.comm(alive));
}

/// find_new_reaper() without another thread of the group: the nearest subreaper above that has a living
/// thread, else the child reaper.
TaskNo find_new_reaper(const Step& x) {
  const TaskNo child_reaper = x.pid_ns().child_reaper;
  const bool stays = x.c.has(Switch::subreaper_stays_in_namespace);
  TaskNo above = x.self;
  for (; above < x.c.tasks.size(); above = x.s.tasks[above].parent) {
    const TaskInfo& info = x.c.tasks[above];
    if (info.process == x.c.tasks[child_reaper].process) return child_reaper;
    if (stays && info.pid_ns != x.my().pid_ns) return child_reaper;
    if (!x.c.processes[info.process].subreaper) continue;
    const TaskNo alive = find_alive_thread(x.c, x.s, info.process);
    if (alive != k_no_task) return alive;
  }
  return above == k_outside && x.c.scenario.outside.subreaper && !stays ? k_outside : child_reaper;
}

/// Children get a new parent; zombies among them are reparent_leader()'s.
void forget_original_parent(Step& x) {
  State& s = x.s;
  TaskNo heir = find_alive_thread(x.c, s, x.my().process);
  if (heir == k_no_task) heir = find_new_reaper(x);
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    Task& child = s.tasks[no];
    if (child.parent != x.self || child.exit_state == ExitState::released) continue;
    child.parent = heir;
    x.say("{} is now a child of {}", x.comm(no),
          heir == k_outside ? x.c.scenario.outside.name : x.comm(heir));
    const bool same_group = heir != k_outside && x.c.tasks[heir].process == x.my().process;
    if (same_group || child.exit_state != ExitState::zombie) continue;
    if (thread_group_empty(x.c, s, x.c.tasks[no].process) && notify_parent(x, no)) release_task(x, no);
  }
}

void become_zombie(Step& x) {
  Task& me = x.me();
  me.exit_state = ExitState::zombie;
  bool autoreap = true;
  if ((me.flags2 & k_traced) != 0) {
    x.say("EXIT_ZOMBIE: its tracer has to let go first");
    return x.ret();
  }
  if (x.my().leader) autoreap = thread_group_empty(x.c, x.s, x.my().process) && notify_parent(x, x.self);
  if (!autoreap) {
    x.say("EXIT_ZOMBIE{}", delay_group_leader(x.c, x.s, x.self) ? ", a leader whose threads live" : "");
    return x.ret();
  }
  me.exit_state = ExitState::dead;
  x.say("EXIT_DEAD: reaps itself");
}

void release_itself(Step& x) {
  release_task(x, x.self);
  x.ret();
}

constexpr Facts k_inside = {.own_container = true};
constexpr Facts k_inside_joined = {.joins_next = true, .own_container = true};

constexpr Program k_programs[] = {
    {.routine = Routine::syscall_exit_group,
     .function = "exit_group",
     .file = "kernel/exit.c",
     .frames = {"__x64_sys_exit_group", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
     .steps = {{sys_exit_group, k_inside}}},
    {.routine = Routine::syscall_exit,
     .function = "exit",
     .file = "kernel/exit.c",
     .frames = {"__x64_sys_exit", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
     .steps = {{sys_exit, k_inside}}},
    {.routine = Routine::do_group_exit,
     .function = "do_group_exit",
     .file = "kernel/exit.c",
     .frames = {"do_group_exit"},
     .steps = {{do_group_exit, k_inside}}},

    // In 5.15 a thread meets a core dump in exit_mm(), from 5.16 on before io_uring is cancelled. exit_fs()
    // and the like change nothing that others see.
    {.routine = Routine::do_exit,
     .function = "do_exit",
     .file = "kernel/exit.c",
     .frames = {"do_exit"},
     .steps =
         {
             {DoExit::synchronize_group_exit, synchronize_group_exit, k_inside_joined},
             {DoExit::coredump_task_exit,
              meet_dump,
              k_inside_joined,
              {.with = Switch::dump_parks_before_io_uring}},
             {DoExit::io_uring_files_cancel, io_uring_files_cancel, k_inside_joined},
             {DoExit::exit_signals, exit_signals, {.might_sleep = true, .own_container = true}},
             {DoExit::coredump_task_exit,
              meet_dump,
              {.joins_next = true, .might_sleep = true, .own_container = true},
              {.without = Switch::dump_parks_before_io_uring}},
             {DoExit::exit_mm, exit_mm, {.joins_next = true, .might_sleep = true, .own_container = true}},
             {DoExit::exit_files, exit_files, k_inside_joined},
             {DoExit::exit_task_namespaces, exit_task_namespaces, k_inside},
             {DoExit::exit_task_work, exit_task_work, {.own_container = true, .past_exit_mm = true}},
             {DoExit::exit_notify, exit_notify, {.own_container = true, .past_exit_mm = true}},
             {DoExit::do_task_dead, task_dead, {.past_exit_mm = true}},
         }},

    {.routine = Routine::exit_notify,
     .function = "exit_notify",
     .file = "kernel/exit.c",
     .frames = {"exit_notify"},
     .steps =
         {
             {ExitNotify::find_child_reaper, find_child_reaper, k_inside_joined},
             {ExitNotify::forget_original_parent, forget_original_parent, k_inside_joined},
             {ExitNotify::become_zombie, become_zombie, k_inside},
             {ExitNotify::release_task, release_itself, k_inside},
         }},
};

}  // namespace

TaskNo find_alive_thread(const Config& c, const State& s, std::uint8_t process) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].process == process && s.tasks[no].exit_state == ExitState::none &&
        (s.tasks[no].flags & k_pf_exiting) == 0)
      return no;
  return k_no_task;
}

bool thread_group_empty(const Config& c, const State& s, std::uint8_t process) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (c.tasks[no].process == process && !c.tasks[no].leader &&
        s.tasks[no].exit_state != ExitState::released)
      return false;
  return true;
}

bool delay_group_leader(const Config& c, const State& s, TaskNo leader) {
  return c.tasks[leader].leader && !thread_group_empty(c, s, c.tasks[leader].process);
}

bool do_notify_parent(const Config& c, State& s, TaskNo no, TaskNo* woken) {
  if (woken) *woken = k_no_task;
  // task->parent is the tracer then. It does not ignore SIGCHLD, and its own wait4() is the environment's.
  if ((s.tasks[no].flags2 & k_traced) != 0) return false;
  const TaskNo parent = s.tasks[no].parent;
  if (parent == k_outside) {
    s.processes[c.tasks[no].process].notified_outside = 1;
    return false;
  }
  const std::uint8_t process = c.tasks[parent].process;
  for (TaskNo waiter = 0; waiter < c.tasks.size(); ++waiter) {
    const Task& task = s.tasks[waiter];
    if (c.tasks[waiter].process != process || !is_in(task, Routine::do_wait)) continue;
    if (wake_up(s, waiter, k_wake_interruptible) && woken) *woken = waiter;
  }
  return s.processes[process].sigchld_ignored != 0;
}

void release_task(Step& x, TaskNo no) {
  x.s.tasks[no].exit_state = ExitState::released;
  x.say("release_task({})", x.comm(no));
  free_pid(x.c, x.s, no);
  const std::uint8_t process = x.c.tasks[no].process;
  if (x.c.tasks[no].leader || !thread_group_empty(x.c, x.s, process)) return;
  for (TaskNo leader = 0; leader < x.c.tasks.size(); ++leader) {
    if (x.c.tasks[leader].process != process || !x.c.tasks[leader].leader) continue;
    if (x.s.tasks[leader].exit_state == ExitState::zombie && notify_parent(x, leader))
      release_task(x, leader);
  }
}

std::span<const Program> exit_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
