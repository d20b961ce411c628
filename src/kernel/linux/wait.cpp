// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/wait.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

void leave(Step& x, std::uint8_t value) {
  x.me().run_state = RunState::running;
  x.ret(value);
}

void set_current_state(Step& x) {
  x.me().run_state = RunState::interruptible;
  x.say("sets TASK_INTERRUPTIBLE");
}

/// wait_consider_task() for every child of every thread of the group.
void do_wait_thread(Step& x) {
  bool waitable_later = false;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    const Task& child = x.s.tasks[no];
    if (!x.c.tasks[no].leader || child.parent >= x.c.tasks.size()) continue;
    if (x.c.tasks[child.parent].process != x.my().process) continue;
    if (child.exit_state == ExitState::dead || child.exit_state == ExitState::released) continue;
    if (child.exit_state == ExitState::zombie && (child.flags2 & k_traced) == 0 &&
        !delay_group_leader(x.c, x.s, no)) {
      x.say("reaps {}", x.comm(no));
      release_task(x, no);
      return leave(x, k_wait_reaped);
    }
    x.say("{} cannot be reaped yet", x.comm(no));
    waitable_later = true;
  }
  if (waitable_later) return;
  x.say("no children: -ECHILD");
  leave(x, k_wait_echild);
}

/// Looks at signal_pending() first.
void sleep(Step& x) {
  if (signal_pending(x.me())) {
    x.say("signal_pending() because of {}: -ERESTARTSYS, and no sleep",
          (x.me().tif & k_tif_sigpending) != 0 ? "TIF_SIGPENDING" : "TIF_NOTIFY_SIGNAL");
    return leave(x, k_wait_restartsys);
  }
  x.say("schedule(): sleeps");
  x.goes_to(DoWait::set_current_state);
  schedule(x);
}

constexpr Program k_programs[] = {
    {.routine = Routine::kernel_wait4,
     .function = "kernel_wait4",
     .file = "kernel/exit.c",
     .frames = {"kernel_wait4"}},
    {.routine = Routine::do_wait,
     .function = "do_wait",
     .file = "kernel/exit.c",
     .frames = {"do_wait"},
     .steps =
         {
             {DoWait::set_current_state, set_current_state},
             {DoWait::do_wait_thread, do_wait_thread},
             {DoWait::schedule, sleep},
         },
     .woken_by_members = true},
};

}  // namespace

std::span<const Program> wait_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
