// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/wait.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

void leave(Step& x, std::uint8_t value) {
  x.me().run_state = RunState::running;
  x.ret(value);
}

/// wait_consider_task() for every child of every thread of the group.
void scan(Step& x) {
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
  if (waitable_later) return x.at(2);
  x.say("no children: -ECHILD");
  leave(x, k_wait_echild);
}

}  // namespace

void step_do_wait(Step& x) {
  switch (x.me().stack[x.me().depth - 1U].step) {
    case 0:
      x.me().run_state = RunState::interruptible;
      x.say("sets TASK_INTERRUPTIBLE");
      return x.at(1);
    case 1: return scan(x);
    default:
      if (signal_pending(x.me())) {
        x.say("signal_pending() because of {}: -ERESTARTSYS, and no sleep",
              (x.me().tif & k_tif_sigpending) != 0 ? "TIF_SIGPENDING" : "TIF_NOTIFY_SIGNAL");
        return leave(x, k_wait_restartsys);
      }
      x.say("schedule(): sleeps");
      x.at(0);
      schedule(x);
  }
}

}  // namespace unzap::kernel
