// SPDX-License-Identifier: Apache-2.0
// The worker's side of io_uring/io-wq.c: its loop, the work, its exit.
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"

namespace unzap::kernel {
namespace {

Wq& wq_of(Step& x) {
  return x.s.wqs[x.my().worker_of];
}
std::size_t account_of(const Step& x) {
  return x.my().unbounded ? 1 : 0;
}
/// io_acct_run_queue() for the worker's own account.
bool has_work(Step& x) {
  return runs_queue(wq_of(x), x.my().unbounded);
}
/// nr_running of the account without this worker: who is not about to sleep takes what is queued.
bool another_runs(Step& x) {
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    const TaskInfo& info = x.c.tasks[no];
    const Task& task = x.s.tasks[no];
    if (no != x.self && info.worker_of == x.my().worker_of && info.unbounded == x.my().unbounded &&
        task.worker_ref > 0 && (task.flags & k_on_rq) != 0)
      return true;
  }
  return false;
}

void clear_notify(Task& task) {
  task.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
}

/// Takes work, or ends after an idle time unless it is the last of its account.
void look_for_work(Step& x) {
  Wq& wq = wq_of(x);
  Task& me = x.me();
  if (has_work(x)) {
    // It becomes TASK_RUNNING when it has got work; if all there is has a hash that is held, it does not.
    if (wq.queued[account_of(x)] > 0 || !hash_held(wq)) me.run_state = RunState::running;
    x.say("finds work");
    return x.call_then_again(Routine::io_worker_handle_work);
  }
  if ((me.flags & k_timed_out) != 0 && wq.nr_workers[account_of(x)] > 1) {
    --wq.nr_workers[account_of(x)];
    me.run_state = RunState::running;
    x.say("idle for 5 s and not the last one: ends");
    return x.goes_to(IoWorker::drain);
  }
  x.say("no work");
}

/// 5.15 io_flush_signals(), 6.1 io_run_task_work().
void flush_signals(Step& x) {
  Task& me = x.me();
  const bool flagged = (me.tif & k_tif_notify_signal) != 0;
  clear_notify(me);
  if (flagged) x.say("clears TIF_NOTIFY_SIGNAL");
  const bool again = flagged && !x.c.has(Switch::worker_flush_always_clears);
  if (again) me.run_state = RunState::running;
  if (!flagged) x.say("no task work");
  if (again) x.goes_to(IoWorker::test_exit);
}

/// A signal ends the worker if it is fatal.
void woken(Step& x) {
  Task& me = x.me();
  me.run_state = RunState::running;
  if (signal_pending(me)) {
    x.say("wakes up, a signal is pending");
    return x.call(Routine::get_signal);
  }
  x.say("wakes up{}", (me.flags & k_timed_out) != 0 ? " after 5 s" : "");
  x.goes_to(IoWorker::test_exit);
}

void test_exit(Step& x) {
  const bool exiting = wq_of(x).exit != 0;
  x.say("IO_WQ_BIT_EXIT is {}", exiting ? "set: leaves the loop" : "clear");
  if (exiting) x.goes_to(IoWorker::drain);
}

void schedule_timeout(Step& x) {
  x.me().flags &= static_cast<std::uint8_t>(~k_timed_out);
  x.say("schedule_timeout(5 s)");
  x.goes_to(IoWorker::woken);
  schedule(x);
}

/// The worker puts its own reference; the owner may still hold one.
void drop_worker_ref(Step& x) {
  const std::uint8_t wq = x.my().worker_of;
  if (x.me().creating == 2) cancel_worker_creation(x, wq, x.self);
  --x.me().worker_ref;
  x.say("drops its worker reference{}", x.me().worker_ref > 0 ? ", waits for the owner to drop his" : "");
  if (x.me().worker_ref == 0) return x.goes_to(IoWorkerExit::io_worker_ref_put);
  x.goes_to(IoWorkerExit::wait_for_completion);
  sleep_in(x, RunState::uninterruptible);
}

void wait_for_owner(Step& x) {
  if (x.me().worker_ref > 0) return sleep_in(x, RunState::uninterruptible);
  x.say("the owner's reference is gone too");
}

void leave_wq(Step& x) {
  if (!x.c.has(Switch::worker_flag_kept)) x.me().flags &= static_cast<std::uint8_t>(~k_pf_io_worker);
  x.say("puts worker_refs");
  put_worker_refs_of_exiting(x);
  x.tail_call(Routine::do_exit);
}

void set_current_state(Step& x) {
  x.me().run_state = RunState::interruptible;
  x.say("sets TASK_INTERRUPTIBLE");
}

void after_get_signal(Step& x) {
  const bool fatal = x.me().ret != 0;
  x.me().ret = 0;
  if (fatal) {
    x.say("the signal is fatal: leaves the loop");
    return x.goes_to(IoWorker::drain);
  }
  x.goes_to(IoWorker::test_exit);
  x.at_once();
}

void drain(Step& x) {
  x.me().flags &= static_cast<std::uint8_t>(~k_timed_out);
  if (wq_of(x).exit == 0 || !has_listed(wq_of(x), x.my().unbounded)) return;
  x.say("drains the queue a last time");
  x.call(Routine::io_worker_handle_work);
}

void io_worker_exit(Step& x) {
  x.say("io_worker_exit()");
  x.tail_call(Routine::io_worker_exit);
}

// A request is executed, step by step: it ends at once, or is a read that may block.

/// io_req_task_queue_fail()
void fail(Step& x) {
  const TaskNo owner = x.c.wqs[x.my().worker_of].owner;
  x.me().run_state = RunState::running;
  note_failed_links(x);
  if (task_work_push(x.s, owner, k_work_request)) {
    x.say("io_req_task_queue_fail(): task_work_add() to {}", x.comm(owner));
    return x.goes_to(IoWqDoWork::set_notify_signal);
  }
  x.say("io_req_task_queue_fail(): {} takes no more task work", x.comm(owner));
  x.me().item = k_item_none;
  x.ret();
}

void io_issue_sqe(Step& x) {
  Task& me = x.me();
  if (me.item == k_item_cancel) return fail(x);
  if (me.item == k_item_bounded && !x.c.wqs[x.my().worker_of].ring.bounded_blocks) {
    x.say("executes the bounded request");
    me.item = k_item_none;
    return x.ret();
  }
  me.run_state = RunState::interruptible;
  x.say("reads, finds nothing, sets TASK_INTERRUPTIBLE");
}

void sleep_in_read(Step& x) {
  x.say("sleeps in the read");
  x.goes_to(IoWqDoWork::woken);
  schedule(x);
}

void about_to_sleep(Step& x) {
  if (signal_pending(x.me())) {
    x.say("a signal is pending: -ERESTARTSYS");
    return fail(x);
  }
  if (x.c.has(Switch::notify_owner_to_create) && has_work(x) && !another_runs(x) && x.me().creating == 0) {
    x.say("io_wq_worker_sleeping()");
    return x.call(Routine::io_queue_worker_create);
  }
  sleep_in_read(x);
}

void woken_in_read(Step& x) {
  if (signal_pending(x.me())) {
    x.say("woken by a signal: -ERESTARTSYS");
    return fail(x);
  }
  x.me().run_state = RunState::interruptible;
  x.say("nothing to read yet");
  x.goes_to(IoWqDoWork::about_to_sleep);
}

void notify_owner(Step& x) {
  x.me().item = k_item_none;
  task_work_notify(x, x.c.wqs[x.my().worker_of].owner);
  x.ret();
}

constexpr Program k_programs[] = {
    {.routine = Routine::io_worker,
     .function = "io_wqe_worker",
     .file = "io_uring/io-wq.c",
     .frames = {"io_wqe_worker"},
     .steps =
         {
             {IoWorker::test_exit, test_exit},
             {IoWorker::set_current_state, set_current_state},
             {IoWorker::look_for_work, look_for_work},
             {IoWorker::flush_signals, flush_signals},
             {IoWorker::schedule_timeout, schedule_timeout},
             {IoWorker::woken, woken},
             {IoWorker::after_get_signal, after_get_signal},
             {IoWorker::drain, drain, {.joins_next = true}},
             {IoWorker::io_worker_exit, io_worker_exit},
         },
     .woken_by_members = true},
    {.routine = Routine::io_wq_do_work,
     .function = "io_wq_submit_work",
     .file = "io_uring/io_uring.c",
     .frames = {"io_issue_sqe", "io_wq_submit_work"},
     .steps =
         {
             {IoWqDoWork::io_issue_sqe, io_issue_sqe},
             {IoWqDoWork::about_to_sleep, about_to_sleep},
             {IoWqDoWork::schedule, sleep_in_read},
             {IoWqDoWork::woken, woken_in_read},
             {IoWqDoWork::set_notify_signal, notify_owner},
         }},
    {.routine = Routine::io_worker_exit,
     .function = "io_worker_exit",
     .file = "io_uring/io-wq.c",
     .frames = {"io_worker_exit"},
     .steps =
         {
             {IoWorkerExit::io_worker_release, drop_worker_ref},
             {IoWorkerExit::wait_for_completion, wait_for_owner, {.joins_next = true}},
             {IoWorkerExit::io_worker_ref_put, leave_wq},
         }},
};

}  // namespace

std::span<const Program> io_worker_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
