// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/io_uring.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"

namespace unzap::kernel {

namespace {

/// __io_uring_cancel(cancel_all = false) of an exiting thread: IO_WQ_BIT_EXIT, then the workers; armed polls
/// and timeouts stay.
void io_uring_cancel_generic(Step& x) {
  x.s.wqs[x.my().owns_wq].exit = 1;
  x.say("sets IO_WQ_BIT_EXIT; no file of the ring is tracked, so nothing else is cancelled");
  x.tail_call(Routine::io_uring_clean_tctx);
  x.tail_call(Routine::io_wq_put_and_exit);
}

TaskNo ring_owner(const Step& x) {
  return x.my_process().submitter;
}

void cancel_requests(Step& x) {
  if (x.process().armed == 0) return x.ret();
  x.process().armed = 0;
  const TaskNo owner = ring_owner(x);
  if (task_work_push(x.s, owner, k_work_request))
    return x.say("cancels the armed request: task_work_add() to {}",
                 owner == x.self ? std::string("itself") : x.comm(owner));
  x.say("cancels the armed request; its task takes no more task work");
  x.ret();
}

void set_notify_signal(Step& x) {
  task_work_notify(x, ring_owner(x));
  x.ret();
}

// io_sq_thread(), step by step.

void sq_sleep(Step& x) {
  x.me().run_state = RunState::running;
  if (signal_pending(x.me())) {
    x.say("a signal is pending");
    return x.call(Routine::get_signal);
  }
  x.say("nothing to do");
  sleep_in(x, RunState::interruptible);
}

void sq_after_get_signal(Step& x) {
  Task& me = x.me();
  if (me.ret == 0) {
    me.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);  // the loop runs task work
    x.say("no signal, goes on");
    x.goes_to(IoSqThread::sleep);
    return sleep_in(x, RunState::interruptible);
  }
  me.ret = 0;
  if (x.my().owns_wq == 0xff) return;
  x.say("ends: cancels what its ring has to do first");
  x.call(Routine::io_uring_cancel_generic);
}

/// After io_uring_cancel_generic(true, sqd) and io_run_task_work(): everything is cancelled, the flag is
/// cleared.
void sq_exit(Step& x) {
  x.me().tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
  x.say("cancels all its requests and ends");
  x.tail_call(Routine::do_exit);
}

constexpr Facts k_inside = {.own_container = true, .once_group_exits = true, .once_exiting = true};

constexpr Program k_programs[] = {
    {.routine = Routine::io_uring_cancel_generic,
     .function = "io_uring_cancel_generic",
     .file = "io_uring/io_uring.c",
     .frames = {"io_uring_cancel_generic", "__io_uring_cancel"},
     .steps = {{io_uring_cancel_generic, {.might_sleep = true}}}},
    {.routine = Routine::io_uring_clean_tctx,
     .function = "io_uring_clean_tctx",
     .file = "io_uring/tctx.c",
     .frames = {"io_uring_clean_tctx"}},
    {.routine = Routine::io_ring_ctx_wait_and_kill,
     .function = "io_ring_ctx_wait_and_kill",
     .file = "io_uring/io_uring.c",
     .frames = {"io_ring_ctx_wait_and_kill", "io_uring_release", "__fput"},
     .steps =
         {
             {IoRingCtxWaitAndKill::cancel_requests, cancel_requests, k_inside},
             {IoRingCtxWaitAndKill::set_notify_signal, set_notify_signal, k_inside},
         }},
    {.routine = Routine::io_sq_thread,
     .function = "io_sq_thread",
     .file = "io_uring/sqpoll.c",
     .frames = {"io_sq_thread"},
     .steps =
         {
             {IoSqThread::sleep, sq_sleep},
             {IoSqThread::after_get_signal, sq_after_get_signal, {.joins_next = true}},
             {IoSqThread::do_exit, sq_exit},
         }},
    {.routine = Routine::ret_from_fork,
     .function = "ret_from_fork",
     .file = "arch/x86/entry/entry_64.S",
     .frames = {"ret_from_fork"}},
};

}  // namespace

std::span<const Program> io_uring_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
