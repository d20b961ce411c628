// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/io_wq.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/rcu.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"
#include "kernel/story/initial_state.hpp"

namespace unzap::kernel {
namespace {

TaskNo owner_of(const Step& x) {
  return x.c.wqs[x.my().worker_of].owner;
}

/// io_worker_release(): the last put completes ref_done.
void put_worker(Step& x, TaskNo worker) {
  if (--x.s.tasks[worker].worker_ref == 0) wake_up(x.s, worker, mask_of(RunState::uninterruptible));
}

/// io_worker_ref_put(): the last put completes worker_done, for which the owner waits.
void put_worker_refs(Step& x, std::uint8_t wq_no) {
  Wq& wq = x.s.wqs[wq_no];
  if (--wq.worker_refs > 0) return;
  x.say("worker_refs is 0: complete(worker_done)");
  const TaskNo owner = x.c.wqs[wq_no].owner;
  if (wake_up(x.s, owner, mask_of(RunState::uninterruptible))) x.say("wakes {}", x.comm(owner));
}

/// io_worker_cancel_cb(): one queued creation is undone.
void cancel_creation_of(Step& x, std::uint8_t wq, TaskNo worker) {
  x.s.tasks[worker].creating = 0;
  put_worker_refs(x, wq);
  put_worker(x, worker);
}

/// Where io_wq_exit_workers() finds the next worker with a reference, from `from` on.
TaskNo next_worker(const Config& c, const State& s, std::uint8_t wq, std::uint8_t from) {
  for (TaskNo no = from; no < c.tasks.size(); ++no)
    if (c.tasks[no].worker_of == wq && s.tasks[no].worker_ref > 0) return no;
  return k_no_task;
}

void exit_workers(Step& x) {
  cancel_worker_creation(x, x.my().owns_wq);
  x.me().local = 0;
  rcu_read_lock(x);
  x.say("io_wq_exit_workers(): walks the workers");
}

/// io_wq_for_each_worker(): the next one whose reference can be taken; nobody's, once it has had them all.
void io_worker_get(Step& x) {
  Task& me = x.me();
  const TaskNo worker = next_worker(x.c, x.s, x.my().owns_wq, me.local);
  if (worker == k_no_task) {
    me.local = 0;
    rcu_read_unlock(x);
    x.say("no more workers");
    return x.goes_to(IoWqPutAndExit::io_worker_ref_put);
  }
  me.local = worker;
  ++x.s.tasks[worker].worker_ref;
  if (x.c.has(Switch::notify_exiting_workers)) {
    set_notify_flag(x.c, x.s, worker);
    x.say("io_wq_worker_wake(): sets {} on {}", notify_flag_name(x.c), x.comm(worker));
  }
}

void wake_up_process(Step& x) {
  if (wake_up(x.s, x.me().local, k_wake_normal))
    x.say("wakes {}", x.comm(x.me().local));
  else
    x.say("{} is awake already", x.comm(x.me().local));
}

void release_worker(Step& x) {
  put_worker(x, x.me().local);
  x.say("puts the reference to {}", x.comm(x.me().local));
  ++x.me().local;
  x.goes_to(IoWqPutAndExit::io_worker_get);
}

/// Gives up the owner's reference, and waits for those of the workers.
void put_own_reference(Step& x) {
  --x.s.wqs[x.my().owns_wq].worker_refs;
}

void wait_for_workers(Step& x) {
  const Wq& wq = x.s.wqs[x.my().owns_wq];
  if (wq.worker_refs == 0) return x.say("all workers are through");
  x.say("{} worker reference{} left: sleeps until worker_done", wq.worker_refs,
        wq.worker_refs == 1 ? "" : "s");
  sleep_in(x, RunState::uninterruptible);
}

/// Work that no worker took fails here, as task work of this very thread.
void io_wq_destroy(Step& x) {
  Wq& wq = x.s.wqs[x.my().owns_wq];
  wq.waits = 0;  // io_wq_exit_workers() takes it off hash->wait
  wq.stalled = 0;
  if (!has_listed(wq, false) && !has_listed(wq, true)) {
    x.say("io_wq_destroy(): no work is left");
    return x.ret();
  }
  wq.queued = {};
  wq.hashed = 0;
  // What is linked to it fails in the same batch of task work.
  wq.link_at = k_link_in_hand;
  wq.links_left = 0;
  task_work_push(x.s, x.self, k_work_request);
  x.say("io_wq_destroy(): fails the work that is left, task_work_add() to itself");
}

void notify_itself(Step& x) {
  task_work_notify(x, x.self);
  x.ret();
}

// io_queue_worker_create(), step by step: a worker asks the owner for another one.

/// One reference for the worker to be created (io_wqe_dec_running), one for the time of this function.
void take_references(Step& x) {
  Wq& wq = x.s.wqs[x.my().worker_of];
  if (wq.exit != 0) {
    x.say("IO_WQ_BIT_EXIT is set: no new worker");
    return x.ret();
  }
  wq.worker_refs = static_cast<std::uint8_t>(wq.worker_refs + 2);
  ++x.me().worker_ref;
  x.me().creating = 1;
  x.say("goes to sleep with work left: asks {} for another worker", x.comm(owner_of(x)));
}

void add_task_work(Step& x) {
  const std::uint8_t wq = x.my().worker_of;
  if (task_work_push(x.s, owner_of(x), k_work_create)) {
    x.me().creating = 2;
    return x.say("task_work_add(create_worker_cb) to {}", x.comm(owner_of(x)));
  }
  x.me().creating = 0;
  put_worker(x, x.self);
  put_worker_refs(x, wq);
  put_worker_refs(x, wq);
  x.say("{} takes no more task work", x.comm(owner_of(x)));
  x.ret();
}

void notify_owner(Step& x) {
  const TaskNo owner = owner_of(x);
  if (!x.c.has(Switch::notify_owner_to_create) || !set_notify_flag(x.c, x.s, owner))
    return x.say("the flag of {} stays as it is", x.comm(owner));
  x.say("sets {} on {}", notify_flag_name(x.c), x.comm(owner));
  wake_up(x.s, owner, k_wake_interruptible);
}

void put_references(Step& x) {
  const std::uint8_t wq = x.my().worker_of;
  if (x.s.wqs[wq].exit != 0) cancel_worker_creation(x, wq);
  put_worker_refs(x, wq);
  x.say("the request for a worker is made");
  x.ret();
}

constexpr Program k_programs[] = {
    {.routine = Routine::io_wq_put_and_exit,
     .function = "io_wq_put_and_exit",
     .file = "io_uring/io-wq.c",
     .frames = {"io_wq_put_and_exit"},
     .steps =
         {
             {IoWqPutAndExit::exit_workers, exit_workers},
             {IoWqPutAndExit::io_worker_get, io_worker_get},
             {IoWqPutAndExit::wake_up_process, wake_up_process},
             {IoWqPutAndExit::io_worker_release, release_worker},
             {IoWqPutAndExit::io_worker_ref_put,
              put_own_reference,
              {.joins_next = true, .might_sleep = true}},
             {IoWqPutAndExit::wait_for_completion, wait_for_workers},
             {IoWqPutAndExit::io_wq_destroy, io_wq_destroy},
             {IoWqPutAndExit::set_notify_signal, notify_itself},
         },
     .woken_by_members = true},
    {.routine = Routine::io_queue_worker_create,
     .function = "io_queue_worker_create",
     .file = "io_uring/io-wq.c",
     .frames = {"io_queue_worker_create", "io_wq_worker_sleeping"},
     .steps =
         {
             {IoQueueWorkerCreate::take_references, take_references},
             {IoQueueWorkerCreate::task_work_add, add_task_work},
             {IoQueueWorkerCreate::set_notify_signal, notify_owner},
             {IoQueueWorkerCreate::put_references, put_references},
         }},
};

}  // namespace

std::span<const Program> io_wq_programs() {
  return k_programs;
}

void cancel_worker_creation(Step& x, std::uint8_t wq, TaskNo only) {
  Task& owner = x.s.tasks[x.c.wqs[wq].owner];
  if ((owner.works & k_work_create) == 0) return;
  owner.works &= static_cast<std::uint8_t>(~k_work_create);
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    if (x.c.tasks[no].worker_of != wq || x.s.tasks[no].creating != 2) continue;
    if (only != k_no_task && only != no) {
      owner.works |= k_work_create;
      continue;
    }
    x.say("takes back create_worker_cb of {}; the flag it set stays", x.comm(no));
    cancel_creation_of(x, wq, no);
  }
}

namespace {

/// The spare worker of that account, if create_io_thread() can make one now.
TaskNo spare_worker(Step& x, std::uint8_t wq, bool unbounded) {
  if ((x.me().tif & k_tif_sigpending) != 0) {
    x.say("create_io_thread() fails: a signal is pending");
    return k_no_task;
  }
  if (x.pid_ns().adding == 0) {
    x.say("create_io_thread() fails: the pid namespace is closed");
    return k_no_task;
  }
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no)
    if (x.c.tasks[no].spare && x.c.tasks[no].worker_of == wq && x.c.tasks[no].unbounded == unbounded &&
        (x.s.tasks[no].flags & k_pf_exiting) == 0 && x.s.tasks[no].exit_state == ExitState::released)
      return no;
  x.say("there are max_workers of them already");
  return k_no_task;
}

/// create_io_worker(): the new thread begins with the owner's TIF_NOTIFY_SIGNAL, if that is set.
void create_io_worker(Step& x, TaskNo no) {
  Task& worker = x.s.tasks[no];
  worker.exit_state = ExitState::none;
  worker.run_state = RunState::running;
  worker.flags = k_on_rq | k_pf_io_worker;
  worker.tif = x.me().tif & k_tif_notify_signal;
  worker.works = 0;
  worker.worker_ref = 1;
  worker.stack[0] = {Routine::ret_from_fork, k_tail};
  worker.stack[1] = frame_of(IoWorker::test_exit);
  worker.depth = 2;
  ++x.s.wqs[x.c.tasks[no].worker_of].nr_workers[x.c.tasks[no].unbounded ? 1 : 0];
  count_member(x.c, x.s, no);
  x.say("create_io_worker(): {} is there{}", x.comm(no),
        worker.tif != 0 ? ", with the TIF_NOTIFY_SIGNAL of its maker" : "");
}

}  // namespace

bool make_worker(Step& x, std::uint8_t wq, bool unbounded) {
  const TaskNo fresh = spare_worker(x, wq, unbounded);
  if (fresh == k_no_task) return false;
  create_io_worker(x, fresh);
  return true;
}

void create_worker_cb(Step& x) {
  x.me().works &= static_cast<std::uint8_t>(~k_work_create);
  for (TaskNo asks = 0; asks < x.c.tasks.size(); ++asks) {
    if (x.c.tasks[asks].worker_of != x.my().owns_wq || x.s.tasks[asks].creating != 2) continue;
    x.say("create_worker_cb for {}", x.comm(asks));
    if (!make_worker(x, x.my().owns_wq, x.c.tasks[asks].unbounded)) {
      cancel_creation_of(x, x.my().owns_wq, asks);
      continue;
    }
    x.s.tasks[asks].creating = 0;
    put_worker(x, asks);  // the one to worker_refs is the new worker's now
  }
}

void put_worker_refs_of_exiting(Step& x) {
  put_worker_refs(x, x.my().worker_of);
}

}  // namespace unzap::kernel
