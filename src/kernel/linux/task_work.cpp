// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/task_work.hpp"

#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {

bool task_work_push(State& s, TaskNo no, std::uint8_t work) {
  Task& task = s.tasks[no];
  if ((task.works & k_work_exited) != 0) return false;
  task.works |= work;
  return true;
}

void task_work_notify(Step& x, TaskNo no) {
  if (!x.c.has(Switch::notify_task_of_request)) return;
  if (x.c.tasks[no].sqpoll && !x.c.has(Switch::sqpoll_completions_notify))
    return x.say("TWA_NONE: no flag for an SQPOLL thread");
  if (!set_notify_flag(x.c, x.s, no)) {
    x.say("{} of {} is set already", notify_flag_name(x.c), x.comm(no));
    return;
  }
  x.say("sets {} on {}", notify_flag_name(x.c), no == x.self ? std::string("itself") : x.comm(no));
  wake_up(x.s, no, k_wake_interruptible);
}

namespace {

/// One callback a step.
void task_work_run(Step& x) {
  Task& task = x.me();
  if (!has_task_work(task)) {
    if ((task.flags & k_pf_exiting) != 0) {
      task.works = k_work_exited;
      x.say("puts in work_exited: nothing can be added any more");
    }
    return x.ret();
  }
  if (cond_resched(x)) return;
  if ((task.works & k_work_fput) != 0) {
    task.works &= static_cast<std::uint8_t>(~k_work_fput);
    x.say("runs ____fput of the ring");
    return x.call_then_again(Routine::io_ring_ctx_wait_and_kill);
  }
  if ((task.works & k_work_create) != 0 && x.s.wqs[x.my().owns_wq].exit == 0) {
    create_worker_cb(x);
  } else if ((task.works & k_work_create) != 0) {
    x.say("runs create_worker_cb: too late, the io_wq ends");
    cancel_worker_creation(x, x.my().owns_wq);
  } else {
    task.works &= static_cast<std::uint8_t>(~k_work_request);
    x.say("runs the work of a request; TIF_NOTIFY_SIGNAL is not touched");
  }
  x.again();
}

constexpr Program k_programs[] = {
    {.routine = Routine::task_work_run,
     .function = "task_work_run",
     .file = "kernel/task_work.c",
     .frames = {"task_work_run"},
     .steps =
         {{task_work_run,
           {.cond_resched = true, .own_container = true, .once_group_exits = true, .once_exiting = true}}}},
};

}  // namespace

std::span<const Program> task_work_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
