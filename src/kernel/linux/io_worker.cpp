// SPDX-License-Identifier: Apache-2.0
// The worker's side of io_uring/io-wq.c: its loop, the work, its exit.
#include "kernel/linux/io_wq.hpp"
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

/// WL3, WL4: takes work, or ends after an idle time unless it is the last of its account.
void look_for_work(Step& x) {
  Wq& wq = wq_of(x);
  Task& me = x.me();
  if (has_work(x)) {
    // It becomes TASK_RUNNING when it has got work; if all there is has a hash that is held, it does not.
    if (wq.queued[account_of(x)] > 0 || !hash_held(wq)) me.run_state = RunState::running;
    x.say("finds work");
    return x.call(Routine::io_worker_handle_work, k_worker_look_for_work);
  }
  if ((me.flags & k_timed_out) != 0 && wq.nr_workers[account_of(x)] > 1) {
    --wq.nr_workers[account_of(x)];
    me.run_state = RunState::running;
    x.say("idle for 5 s and not the last one: ends");
    return x.at(k_worker_drain);
  }
  x.say("no work");
  x.at(k_worker_flush);
}

/// WL6: 5.15 io_flush_signals(), 6.1 io_run_task_work().
void flush_signals(Step& x) {
  Task& me = x.me();
  const bool flagged = (me.tif & k_tif_notify_signal) != 0;
  clear_notify(me);
  if (flagged) x.say("clears TIF_NOTIFY_SIGNAL");
  const bool again = flagged && !x.c.has(Switch::worker_flush_always_clears);
  if (again) me.run_state = RunState::running;
  if (!flagged) x.say("no task work");
  x.at(again ? k_worker_test_exit : k_worker_sleep);
}

/// WL8: a signal ends the worker if it is fatal.
void woken(Step& x) {
  Task& me = x.me();
  me.run_state = RunState::running;
  if (signal_pending(me)) {
    x.say("wakes up, a signal is pending");
    return x.call(Routine::get_signal, k_worker_after_get_signal);
  }
  x.say("wakes up{}", (me.flags & k_timed_out) != 0 ? " after 5 s" : "");
  x.at(k_worker_test_exit);
}

void test_exit(Step& x) {
  const bool exiting = wq_of(x).exit != 0;
  x.say("IO_WQ_BIT_EXIT is {}", exiting ? "set: leaves the loop" : "clear");
  x.at(exiting ? k_worker_drain : k_worker_set_state);
}

void go_to_sleep(Step& x) {
  x.me().flags &= static_cast<std::uint8_t>(~k_timed_out);
  x.say("schedule_timeout(5 s)");
  x.at(k_worker_woken);
  schedule(x);
}

/// WX2: the reference goes; the owner may still hold one.
void drop_worker_ref(Step& x) {
  const std::uint8_t wq = x.my().worker_of;
  if (x.me().creating == 2) cancel_worker_creation(x, wq, x.self);
  --x.me().worker_ref;
  x.say("drops its worker reference{}", x.me().worker_ref > 0 ? ", waits for the owner to drop his" : "");
  if (x.me().worker_ref == 0) return x.at(2);
  x.at(1);
  sleep_in(x, RunState::uninterruptible);
}

}  // namespace

void step_io_worker(Step& x) {
  Task& me = x.me();
  switch (me.stack[me.depth - 1U].step) {
    case k_worker_woken: return woken(x);
    case k_worker_after_get_signal: {
      const bool fatal = me.ret != 0;
      me.ret = 0;
      if (!fatal) return test_exit(x);
      x.say("the signal is fatal: leaves the loop");
      return x.at(k_worker_drain);
    }
    case k_worker_test_exit: return test_exit(x);
    case k_worker_set_state:
      me.run_state = RunState::interruptible;
      x.say("sets TASK_INTERRUPTIBLE");
      return x.at(k_worker_look_for_work);
    case k_worker_look_for_work: return look_for_work(x);
    case k_worker_flush: return flush_signals(x);
    case k_worker_sleep: return go_to_sleep(x);
    case k_worker_drain:
      me.flags &= static_cast<std::uint8_t>(~k_timed_out);
      if (wq_of(x).exit != 0 && has_listed(wq_of(x), x.my().unbounded)) {
        x.say("drains the queue a last time");
        return x.call(Routine::io_worker_handle_work, k_worker_leave);
      }
      [[fallthrough]];
    default: x.say("io_worker_exit()"); x.call(Routine::io_worker_exit, k_tail);
  }
}

void step_io_wq_do_work(Step& x) {
  Task& me = x.me();
  const TaskNo owner = x.c.wqs[x.my().worker_of].owner;
  const std::uint8_t step = me.stack[me.depth - 1U].step;
  const auto fail = [&] {
    me.run_state = RunState::running;
    note_failed_links(x);
    if (task_work_push(x.s, owner, k_work_request)) {
      x.say("io_req_task_queue_fail(): task_work_add() to {}", x.comm(owner));
      return x.at(5);
    }
    x.say("io_req_task_queue_fail(): {} takes no more task work", x.comm(owner));
    me.item = k_item_none;
    x.ret();
  };
  const auto read_or_fail = [&] {
    if (signal_pending(me)) {
      x.say("a signal is pending: -ERESTARTSYS");
      return fail();
    }
    if (x.c.has(Switch::notify_owner_to_create) && has_work(x) && !another_runs(x) && me.creating == 0)
      return x.say("io_wq_worker_sleeping()"), x.call(Routine::io_queue_worker_create, 2);
    x.say("sleeps in the read");
    x.at(3);
    schedule(x);
  };
  switch (step) {
    case 0:
      if (me.item == k_item_cancel) return fail();
      if (me.item == k_item_bounded && !x.c.wqs[x.my().worker_of].bounded_blocks) {
        x.say("executes the bounded request");
        me.item = k_item_none;
        return x.ret();
      }
      me.run_state = RunState::interruptible;
      x.say("reads, finds nothing, sets TASK_INTERRUPTIBLE");
      return x.at(1);
    case 1: return read_or_fail();
    case 2:
      x.say("sleeps in the read");
      x.at(3);
      return schedule(x);
    case 3:
      if (signal_pending(me)) {
        x.say("woken by a signal: -ERESTARTSYS");
        return fail();
      }
      me.run_state = RunState::interruptible;
      x.say("nothing to read yet");
      return x.at(1);
    default:
      me.item = k_item_none;
      task_work_notify(x, owner);
      x.ret();
  }
}

void step_io_worker_exit(Step& x) {
  Task& me = x.me();
  switch (me.stack[me.depth - 1U].step) {
    case 0: return drop_worker_ref(x);
    case 1:
      if (me.worker_ref > 0) return sleep_in(x, RunState::uninterruptible);
      x.say("the owner's reference is gone too");
      [[fallthrough]];
    default:
      if (!x.c.has(Switch::worker_flag_kept)) me.flags &= static_cast<std::uint8_t>(~k_pf_io_worker);
      x.say("puts worker_refs");
      put_worker_refs_of_exiting(x);
      x.call(Routine::do_exit, k_tail);
  }
}

}  // namespace unzap::kernel
