// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/io_uring.hpp"

#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"

namespace unzap::kernel {

void step_io_uring_cancel_generic(Step& x) {
  if (might_sleep(x)) return;
  x.s.wqs[x.my().owns_wq].exit = 1;
  x.say("sets IO_WQ_BIT_EXIT; no file of the ring is tracked, so nothing else is cancelled");
  x.call(Routine::io_uring_clean_tctx, k_tail);
  x.call(Routine::io_wq_put_and_exit, k_tail);
}

void step_io_ring_ctx_wait_and_kill(Step& x) {
  const TaskNo owner = x.my_process().submitter;
  if (x.me().stack[x.me().depth - 1U].step == 0) {
    if (x.process().armed == 0) return x.ret();
    x.process().armed = 0;
    if (!task_work_push(x.s, owner, k_work_request)) {
      x.say("cancels the armed request; its task takes no more task work");
      return x.ret();
    }
    x.say("cancels the armed request: task_work_add() to {}",
          owner == x.self ? std::string("itself") : x.comm(owner));
    return x.at(1);
  }
  task_work_notify(x, owner);
  x.ret();
}

void step_io_sq_thread(Step& x) {
  Task& me = x.me();
  switch (me.stack[me.depth - 1U].step) {
    case 0:
      me.run_state = RunState::running;
      if (signal_pending(me)) {
        x.say("a signal is pending");
        return x.call(Routine::get_signal, 1);
      }
      x.say("nothing to do");
      return sleep_in(x, RunState::interruptible);
    case 1:
      if (me.ret == 0) {
        me.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);  // the loop runs task work
        x.say("no signal, goes on");
        x.at(0);
        return sleep_in(x, RunState::interruptible);
      }
      me.ret = 0;
      if (x.my().owns_wq != 0xff) {
        x.say("ends: cancels what its ring has to do first");
        return x.call(Routine::io_uring_cancel_generic, 2);
      }
      [[fallthrough]];
    default:
      // io_uring_cancel_generic(true, sqd) and io_run_task_work(): everything is cancelled, the flag is
      // cleared.
      me.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
      x.say("cancels all its requests and ends");
      x.call(Routine::do_exit, k_tail);
  }
}

}  // namespace unzap::kernel
