// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/exit.hpp"

#include "kernel/linux/coredump.hpp"
#include "kernel/linux/fuse.hpp"
#include "kernel/linux/pid_namespace.hpp"
#include "kernel/linux/sched.hpp"
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

/// exit_files(): the last user of the files drops the ring; its final fput becomes task work of this task.
void exit_files(Step& x) {
  Process& process = x.process();
  if (process.files_users == 0 || --process.files_users > 0) return;
  if (x.my_process().has_fuse_dev) put_fuse_dev(x.c, x.s);
  if (process.armed == 0 || x.my_process().ring_is_shared) return;
  task_work_push(x.s, x.self, k_work_fput);
  x.say("exit_files(): last user, the final fput of the ring becomes task work");
}

/// do_exit() up to where another CPU can see something new.
void front(Step& x) {
  if (x.process().quick_threads > 0 && --x.process().quick_threads == 0) x.process().group_exit = 1;
  x.at(k_exit_cancel);
  if (x.c.has(Switch::dump_parks_before_io_uring)) meet_dump(x, k_exit_cancel);
}

/// True: it has gone to cancel its requests. An SQPOLL thread has done that before.
bool cancel_io_uring(Step& x) {
  if (x.my().owns_wq == 0xff || x.my().sqpoll) {
    x.at(1);
    return false;
  }
  x.say("io_uring_files_cancel()");
  x.call(Routine::io_uring_cancel_generic, 1);
  return true;
}

/// exit_signals(): from here on the thread is no candidate for find_alive_thread() and wants no signals.
void set_exiting(Step& x) {
  if (x.s.threadgroup_rwsem != 0) return x.call(Routine::exit_signals, 1);
  x.me().flags |= k_pf_exiting;
  x.say("exit_signals(): PF_EXITING");
  x.at(2);
}

/// exit_mm(), exit_files(), exit_fs(), and exit_task_namespaces() with its reference.
void drop_resources(Step& x) {
  if (might_sleep(x)) return;
  if (!x.c.has(Switch::dump_parks_before_io_uring) && meet_dump(x, 2)) return;
  if (must_flush(x)) {
    x.say("exit_files(): closes a file of a FUSE mount");
    return x.call(Routine::fuse_flush, 2);
  }
  exit_files(x);
  if (!x.my().in_namespaces) return x.at(3);
  const int users = --x.mnt_ns().nsproxy_refs;
  x.say("exit_task_namespaces(): drops its nsproxy, users left: {}", users);
  if (users > 0) return x.at(3);
  x.call(Routine::exit_task_namespaces, 3);
}

void exit_task_work(Step& x) {
  if (has_task_work(x.me())) {
    x.say("exit_task_work()");
    return x.call(Routine::task_work_run, 4);
  }
  x.me().works = k_work_exited;
  x.say("exit_task_work(): nothing queued, work_exited goes in");
  x.at(4);
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
  return above == k_outside && x.c.scenario.outside_subreaper && !stays ? k_outside : child_reaper;
}

/// The second half of exit_notify(), under tasklist_lock: children get a new parent, the state changes.
void become_zombie(Step& x) {
  State& s = x.s;
  TaskNo heir = find_alive_thread(x.c, s, x.my().process);
  if (heir == k_no_task) heir = find_new_reaper(x);
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    Task& child = s.tasks[no];
    if (child.parent != x.self || child.exit_state == ExitState::released) continue;
    child.parent = heir;
    x.say("{} is now a child of {}", x.comm(no),
          heir == k_outside ? x.c.scenario.outside_comm : x.comm(heir));
    const bool same_group = heir != k_outside && x.c.tasks[heir].process == x.my().process;
    if (same_group || child.exit_state != ExitState::zombie) continue;
    if (thread_group_empty(x.c, s, x.c.tasks[no].process) && notify_parent(x, no)) release_task(x, no);
  }
  Task& me = x.me();
  me.exit_state = ExitState::zombie;
  bool autoreap = true;
  if ((me.flags2 & k_traced) != 0) {
    x.say("EXIT_ZOMBIE: its tracer has to let go first");
    return x.ret();
  }
  if (x.my().leader) autoreap = thread_group_empty(x.c, s, x.my().process) && notify_parent(x, x.self);
  if (!autoreap) {
    x.say("EXIT_ZOMBIE{}", delay_group_leader(x.c, s, x.self) ? ", a leader whose threads live" : "");
    return x.ret();
  }
  me.exit_state = ExitState::dead;
  x.say("EXIT_DEAD: reaps itself");
  x.at(2);
}

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
    if (c.tasks[waiter].process != process || task.depth == 0 ||
        task.stack[task.depth - 1U].routine != Routine::do_wait)
      continue;
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

void step_do_exit(Step& x) {
  switch (x.me().stack[x.me().depth - 1U].step) {
    case 0:
      front(x);
      if (x.me().stack[x.me().depth - 1U].routine != Routine::do_exit) return;
      [[fallthrough]];
    case k_exit_cancel:
      if (cancel_io_uring(x)) return;
      [[fallthrough]];
    case 1:
      if (might_sleep(x)) return;
      return set_exiting(x);
    case 2: return drop_resources(x);
    case 3: return exit_task_work(x);
    case 4:
      x.me().flags2 |= k_exit_srcu;  // exit_tasks_rcu_start()
      x.call(Routine::exit_notify, 5);
      return step_exit_notify(x);
    default:
      leave_exit_section(x.c, x.s, x.self);  // exit_tasks_rcu_finish()
      x.say("do_task_dead(): off the CPU for ever");
      do_task_dead(x);
      return dying_task_left(x.c, x.s);
  }
}

void step_exit_notify(Step& x) {
  x.in(Routine::exit_notify);
  switch (x.me().stack[x.me().depth - 1U].step) {
    case 0:
      if (x.pid_ns().child_reaper == x.self) {
        const TaskNo alive = find_alive_thread(x.c, x.s, x.my().process);
        if (alive == k_no_task) {
          x.say("find_child_reaper(): no thread of init is alive, {} must empty the namespace", x.my().comm);
          return x.call(Routine::zap_pid_ns_processes, 1);
        }
        x.pid_ns().child_reaper = alive;
        x.say("find_child_reaper(): {} becomes child_reaper", x.comm(alive));
      }
      return become_zombie(x);
    case 1: return become_zombie(x);
    default: release_task(x, x.self); return x.ret();
  }
}

}  // namespace unzap::kernel
