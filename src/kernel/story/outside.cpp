// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/outside.hpp"

#include "kernel/linux/pid_namespace.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"

namespace unzap::kernel {
namespace {

void finish(Step& x) {
  x.s.outside_free = 1;
  x.become(Routine::outside_sleep);
  sleep_in(x, RunState::interruptible);
}

bool tasks_gp_held(const Config& c, const State& s) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if ((s.tasks[no].flags2 & k_holds_tasks_gp) != 0) return true;
  return false;
}

bool live_in_cgroup(const Config& c, const State& s, TaskNo no) {
  return c.tasks[no].container == 0 && s.tasks[no].exit_state != ExitState::released &&
         (s.tasks[no].flags & k_pf_exiting) == 0 && s.tasks[no].run_state != RunState::dead;
}

bool dying_in_cgroup(const Config& c, const State& s, TaskNo no) {
  return c.tasks[no].container == 0 && (s.tasks[no].flags & k_pf_exiting) != 0 &&
         s.tasks[no].run_state != RunState::dead;
}

bool cgroup_drained(const Config& c, const State& s) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (dying_in_cgroup(c, s, no)) return false;
  return true;
}

/// Before it begins, and after: asleep in wait4(2) or elsewhere in user space.
void outside_sleep(Step& x) {
  const Routine act = x.c.scenario.outside.act == OutsideAct::rcu_tasks ? Routine::synchronize_rcu_tasks
                      : x.c.scenario.outside.act == OutsideAct::rmdir   ? Routine::cgroup_rmdir
                                                                        : Routine::copy_process;
  x.me().tif = 0;  // it comes back from user mode, where every flag is looked at
  if (x.s.outside_acted == 0 || x.s.outside_free != 0) return sleep_in(x, RunState::interruptible);
  x.me().run_state = RunState::running;
  x.say("begins");
  x.become(act);
}

// synchronize_rcu_tasks(), step by step.

void synchronize_srcu(Step& x) {
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no)
    if ((x.s.tasks[no].flags2 & k_exit_srcu) != 0) {
      x.s.tasks[no].flags2 |= k_holds_tasks_gp;
      x.say("{} is in its exit section", x.comm(no));
    }
  x.say("synchronize_srcu(&tasks_rcu_exit_srcu)");
}

void wait_for_exiting_tasks(Step& x) {
  if (tasks_gp_held(x.c, x.s)) {
    x.say("sleeps until the exiting tasks are through");
    return sleep_in(x, RunState::uninterruptible);
  }
  x.say("no exiting task is waited for any more");
  finish(x);
}

/// Waits until every dying task of the cgroup has made its last context switch.
void cgroup_rmdir(Step& x) {
  if (x.c.has(Switch::rmdir_drains_dying_tasks) && !cgroup_drained(x.c, x.s)) {
    x.say("cgroup_drain_dying(): sleeps until the dying tasks are gone");
    return sleep_in(x, RunState::uninterruptible);
  }
  x.say("the cgroup is removed");
  finish(x);
}

// copy_process(), step by step.

PidNamespace& namespace_of_child(const Step& x) {
  return x.s.pid_ns[x.c.tasks[x.c.forked].pid_ns];
}

void alloc_pid(Step& x) {
  if (namespace_of_child(x).adding == 0) {
    x.say("alloc_pid(): -ENOMEM, the namespace is closed");
    return finish(x);
  }
  ++namespace_of_child(x).pid_allocated;
  x.say("alloc_pid(): a number in the container's namespace");
}

void attach_pid(Step& x) {
  if (x.c.has(Switch::fork_checks_namespace) && namespace_of_child(x).adding == 0) {
    free_pid(x.c, x.s, x.c.forked);
    x.say("the namespace was closed meanwhile: -ENOMEM");
    return finish(x);
  }
  Task& child = x.s.tasks[x.c.forked];
  child.exit_state = ExitState::none;
  child.run_state = RunState::interruptible;
  Process& process = x.s.processes[x.c.tasks[x.c.forked].process];
  process.quick_threads = process.files_users = 1;
  x.say("{} is published in the namespace", x.comm(x.c.forked));
  finish(x);
}

constexpr Program k_programs[] = {
    {.routine = Routine::outside_sleep,
     .function = "wait4",
     .file = "kernel/exit.c",
     .frames = {"do_wait", "kernel_wait4", "__do_sys_wait4", "do_syscall_64",
                "entry_SYSCALL_64_after_hwframe"},
     .steps = {{outside_sleep}}},
    {.routine = Routine::synchronize_rcu_tasks,
     .function = "synchronize_rcu_tasks",
     .file = "kernel/rcu/tasks.h",
     .frames = {"__synchronize_srcu", "synchronize_srcu", "rcu_tasks_wait_gp", "synchronize_rcu_tasks"},
     .steps =
         {
             {SynchronizeRcuTasks::synchronize_srcu, synchronize_srcu},
             {SynchronizeRcuTasks::wait_for_exiting_tasks, wait_for_exiting_tasks},
         }},
    {.routine = Routine::cgroup_rmdir,
     .function = "cgroup_rmdir",
     .file = "kernel/cgroup/cgroup.c",
     .frames = {"cgroup_drain_dying", "cgroup_rmdir", "kernfs_iop_rmdir", "vfs_rmdir", "do_rmdir",
                "__x64_sys_rmdir", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"},
     .steps = {{cgroup_rmdir}}},
    {.routine = Routine::copy_process,
     .function = "copy_process",
     .file = "kernel/fork.c",
     .frames = {"copy_process", "kernel_clone", "__do_sys_clone", "do_syscall_64",
                "entry_SYSCALL_64_after_hwframe"},
     .steps =
         {
             {CopyProcess::alloc_pid, alloc_pid},
             {CopyProcess::attach_pid, attach_pid},
         }},
};

}  // namespace

std::span<const Program> outside_programs() {
  return k_programs;
}

bool outside_may_act(const Config& c, const State& s) {
  if (c.outside == k_no_task || s.outside_acted != 0) return false;
  if (c.scenario.outside.act != OutsideAct::rmdir) return true;
  // cgroup.events says populated 0 once no task is live; only then does anybody remove a cgroup.
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (live_in_cgroup(c, s, no)) return false;
  return true;
}

void leave_exit_section(const Config& c, State& s, TaskNo no) {
  s.tasks[no].flags2 &= static_cast<std::uint8_t>(~(k_exit_srcu | k_holds_tasks_gp));
  if (c.outside != k_no_task && c.scenario.outside.act == OutsideAct::rcu_tasks && !tasks_gp_held(c, s))
    wake_up(s, c.outside, mask_of(RunState::uninterruptible));
}

void dying_task_left(const Config& c, State& s) {
  if (c.outside != k_no_task && c.scenario.outside.act == OutsideAct::rmdir && cgroup_drained(c, s))
    wake_up(s, c.outside, mask_of(RunState::uninterruptible));
}

}  // namespace unzap::kernel
