// SPDX-License-Identifier: Apache-2.0
// Work in io_uring/io-wq.c: who takes it, hashes that are held, requests linked to others.
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/task_work.hpp"

namespace unzap::kernel {
namespace {

using At = IoWorkerHandleWork;

Wq& wq_of(Step& x) {
  return x.s.wqs[x.my().worker_of];
}

/// The next linked request, which has not been begun.
Link next_link(Step& x) {
  const std::vector<Link>& links = x.c.wqs[x.my().worker_of].ring.links;
  return links[links.size() - wq_of(x).links_left];
}

bool has_next_hashed(Step& x) {
  return (x.me().local & k_holds_hash) != 0 && wq_of(x).chain > 1;
}

/// The request on which links hang was the last one at `place`, and is now in the worker's hands.
void take_link(Step& x, std::uint8_t place) {
  if (wq_of(x).link_at != place) return;
  wq_of(x).link_at = k_link_in_hand;
  x.me().local |= k_has_link;
}

void clear_notify(Step& x) {
  x.me().tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
  x.say("clears TIF_NOTIFY_SIGNAL");
}

void take_hashed(Step& x) {
  Wq& wq = wq_of(x);
  wq.chain = wq.hashed & 0xfU;
  wq.hashed = 0;
  x.me().local |= k_holds_hash;
  if (wq.chain == 1) take_link(x, k_link_in_hashed);
  x.say("takes all {} requests of one hash", static_cast<unsigned>(wq.chain));
}

/// io_get_next_work(). The model does not keep the order of the list: what has no hash comes first.
void get_next_work(Step& x) {
  Wq& wq = wq_of(x);
  Task& me = x.me();
  std::uint8_t& queued = wq.queued[x.my().unbounded ? 1 : 0];
  if (!has_listed(wq, x.my().unbounded)) {
    me.local = 0;
    x.say("the queue is empty");
    return x.ret();
  }
  if (queued == 0 && hash_held(wq)) {
    x.say("finds only work of a hash that is held");
    return x.goes_to(At::stall);
  }
  me.run_state = RunState::running;
  me.item = x.my().unbounded ? k_item_unbounded : k_item_bounded;
  x.goes_to(At::assign);
  if (queued == 0) return take_hashed(x);
  --queued;
  if (queued == 0) take_link(x, x.my().unbounded ? k_link_in_unbounded : k_link_in_bounded);
  x.say("takes {} request", x.my().unbounded ? "an unbounded" : "a bounded");
}

/// The next request of the chain.
void take_next_hashed(Step& x) {
  Wq& wq = wq_of(x);
  --wq.chain;
  if (wq.chain == 1) take_link(x, k_link_in_hashed);
  x.me().item = k_item_bounded;
  x.say("takes the next request of the same hash");
}

/// put_work() has handed out a request that is linked to the one that is done.
void after_link(Step& x) {
  Task& me = x.me();
  me.local &= static_cast<std::uint8_t>(~k_has_link);
  const Link link = next_link(x);
  if (link != Link::hashed && !has_next_hashed(x)) {
    if (--wq_of(x).links_left > 0) me.local |= k_has_link;
    me.item = link == Link::unbounded ? k_item_unbounded : k_item_bounded;
    x.say("takes up the request linked to it");
    if ((me.local & k_holds_hash) == 0) return x.goes_to(At::assign);
    clear_notify(x);
    return x.goes_to(At::release_hash);
  }
  x.goes_to(At::enqueue_link);
  if (!has_next_hashed(x)) return x.say("a request is linked to it");
  take_next_hashed(x);
  me.local |= k_assigned;
  clear_notify(x);
}

/// put_work() of a request that failed: whoever drops the last reference fails what is linked to it, by task
/// work of the owner. The owner does so within the batch that it runs, without a flag; only if he was faster
/// than this worker is it up to the worker. True: the step has been taken.
bool fail_links(Step& x, IoWorkerHandleWork notify_step) {
  Wq& wq = wq_of(x);
  if (wq.links_failed == 0 || (x.me().local & k_has_link) == 0) return false;
  wq.links_failed = 0;
  wq.links_left = 0;
  x.me().local &= static_cast<std::uint8_t>(~k_has_link);
  const TaskNo owner = x.c.wqs[x.my().worker_of].owner;
  if ((x.s.tasks[owner].works & k_work_request) != 0 || !task_work_push(x.s, owner, k_work_request))
    return false;
  x.say("io_fail_links(): task_work_add() to {}", x.comm(owner));
  x.goes_to(notify_step);
  return true;
}

/// What comes after an item, or after nothing.
void next_item(Step& x) {
  Task& me = x.me();
  Wq& wq = wq_of(x);
  if (fail_links(x, At::notify_owner)) return;
  if (me.local == 0) me.local = wq.exit != 0 ? k_entered_exiting : k_entered;
  if ((me.local & k_has_link) != 0) return after_link(x);
  if ((me.local & k_holds_hash) == 0) return get_next_work(x);
  if (wq.chain > 1) {
    take_next_hashed(x);
    return x.goes_to(At::assign);
  }
  if (x.c.wqs[x.my().worker_of].contends) {
    x.say("that was the last request of its hash");
    return x.goes_to(At::release_hash);
  }
  // Nobody waits for it: letting it go and looking for more is one step.
  wq.chain = 0;
  me.local &= static_cast<std::uint8_t>(~k_holds_hash);
  x.say("lets the hash go");
  get_next_work(x);
}

/// IO_WQ_BIT_EXIT decides what becomes of the item.
void execute(Step& x) {
  Task& me = x.me();
  const bool exiting =
      x.c.has(Switch::exit_bit_per_item) ? wq_of(x).exit != 0 : (me.local & k_entered_exiting) != 0;
  if (exiting && me.item == k_item_unbounded) {
    me.item = k_item_cancel;
    x.say("IO_WQ_BIT_EXIT: the request is cancelled");
  } else if (exiting && x.c.has(Switch::worker_self_notify)) {
    set_notify_flag(x.c, x.s, x.self);
    x.say("IO_WQ_BIT_EXIT and bounded work: sets {} on itself", notify_flag_name(x.c));
  }
  x.call_then(Routine::io_wq_do_work, At::next);
}

/// io_wait_on_hash()
void wait_on_hash(Step& x) {
  Wq& wq = wq_of(x);
  if (wq.waits != 0) {
    x.say("another worker waits for the hash already");
  } else if (hash_held(wq)) {
    wq.waits = 1;
    x.say("waits for the hash");
  } else {
    wq.stalled = 0;
    x.me().run_state = RunState::running;
    x.say("the hash is free by now: clears IO_ACCT_STALLED_BIT");
  }
  x.me().local = 0;
  x.ret();
}

/// io_wqe_activate_free_worker(): the first that sleeps for want of work, or is about to. The model does not
/// keep the order of the free list, and takes a worker that has only just set its state for a busy one: it
/// looks at the queue next.
TaskNo activate_free_worker(const Config& c, State& s, std::uint8_t wq, bool unbounded) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    if (c.tasks[no].worker_of != wq || c.tasks[no].unbounded != unbounded) continue;
    const Task& task = s.tasks[no];
    if (task.worker_ref == 0) continue;
    if (!is_in(task, Routine::io_worker) || is_at(task, IoWorker::look_for_work)) continue;
    if (wake_up(s, no, k_wake_normal)) return no;
  }
  return k_no_task;
}

/// io_wqe_enqueue() without IO_WQ_BIT_EXIT. Linked requests are taken to be IO_WQ_WORK_CONCURRENT
/// (IOSQE_ASYNC): if nobody is idle a worker is made.
void queue_link(Step& x, Link link) {
  Wq& wq = wq_of(x);
  const bool unbounded = link == Link::unbounded;
  ++(link == Link::hashed ? wq.hashed : wq.queued[unbounded ? 1 : 0]);
  if (!unbounded) wq.stalled = 0;
  if (wq.links_left > 0)
    wq.link_at = link == Link::hashed ? k_link_in_hashed
                 : unbounded          ? k_link_in_unbounded
                                      : k_link_in_bounded;
  x.say("io_wqe_enqueue(): queues it");
  const TaskNo woken = activate_free_worker(x.c, x.s, x.my().worker_of, unbounded);
  if (woken != k_no_task) return x.say("wakes {}", x.comm(woken));
  ++wq.worker_refs;
  if (!make_worker(x, x.my().worker_of, unbounded)) --wq.worker_refs;
}

/// The link is somebody's now: goes on with what was assigned.
void link_is_passed(Step& x) {
  Task& me = x.me();
  const bool assigned = (me.local & k_assigned) != 0;
  me.local &= static_cast<std::uint8_t>(~(k_assigned | k_has_link));
  me.item = assigned ? k_item_bounded : k_item_none;
  x.goes_to(assigned ? At::execute : (me.local & k_holds_hash) != 0 ? At::release_hash : At::next);
}

void enqueue_link(Step& x) {
  Wq& wq = wq_of(x);
  const Link link = next_link(x);
  --wq.links_left;
  if (wq.exit == 0) {
    queue_link(x, link);
    return link_is_passed(x);
  }
  if (wq.links_left > 0) x.me().local |= k_has_link;
  x.me().item = k_item_cancel;
  x.say("io_wqe_enqueue(): IO_WQ_BIT_EXIT is set, io_run_cancel()");
  x.call_then(Routine::io_wq_do_work, At::cancelled_link);
}

void release_hash(Step& x) {
  Wq& wq = wq_of(x);
  wq.chain = 0;
  wq.stalled = 0;
  x.me().local &= static_cast<std::uint8_t>(~k_holds_hash);
  x.say("lets the hash go, clears IO_ACCT_STALLED_BIT");
  x.goes_to(wq.waits != 0 ? At::wake_waiter : x.me().item != k_item_none ? At::execute : At::next);
}

void stall(Step& x) {
  wq_of(x).stalled = 1;
  x.say("sets IO_ACCT_STALLED_BIT");
}

void cancelled_link(Step& x) {
  if (fail_links(x, At::cancelled_notify)) return;
  link_is_passed(x);
  x.at_once();
}

void notify_owner(Step& x) {
  task_work_notify(x, x.c.wqs[x.my().worker_of].owner);
  x.goes_to(At::next);
}

void cancelled_notify(Step& x) {
  task_work_notify(x, x.c.wqs[x.my().worker_of].owner);
  link_is_passed(x);
}

void wake_waiter(Step& x) {
  const TaskNo woken = wake_hash_waiter(x.c, x.s, x.my().worker_of);
  x.say("wakes who waits for the hash: {}", woken == k_no_task ? "nobody" : x.comm(woken));
  x.goes_to(x.me().item != k_item_none ? At::execute : At::next);
}

void execute_assigned(Step& x) {
  x.say("goes on with the next request");
  execute(x);
}

/// io_assign_current_work()
void assign(Step& x) {
  clear_notify(x);
  execute(x);
}

constexpr Program k_programs[] = {
    {.routine = Routine::io_worker_handle_work,
     .function = "io_worker_handle_work",
     .file = "io_uring/io-wq.c",
     .frames = {"io_worker_handle_work"},
     .steps =
         {
             {At::next, next_item},
             {At::assign, assign},
             {At::stall, stall},
             {At::wait_on_hash, wait_on_hash},
             {At::enqueue_link, enqueue_link},
             {At::release_hash, release_hash},
             {At::wake_waiter, wake_waiter},
             {At::execute, execute_assigned},
             {At::cancelled_link, cancelled_link},
             {At::notify_owner, notify_owner},
             {At::cancelled_notify, cancelled_notify},
         }},
};

}  // namespace

std::span<const Program> io_work_programs() {
  return k_programs;
}

bool has_listed(const Wq& wq, bool unbounded) {
  return unbounded ? wq.queued[1] > 0 : wq.queued[0] + wq.hashed > 0;
}

bool runs_queue(const Wq& wq, bool unbounded) {
  return has_listed(wq, unbounded) && (unbounded || wq.stalled == 0);
}

bool hash_held(const Wq& wq) {
  return wq.chain > 0 || wq.held_outside != 0;
}

TaskNo wake_hash_waiter(const Config& c, State& s, std::uint8_t wq_no) {
  Wq& wq = s.wqs[wq_no];
  if (wq.waits == 0) return k_no_task;
  wq.waits = 0;
  if (wq.stalled == 0) return k_no_task;
  wq.stalled = 0;
  return activate_free_worker(c, s, wq_no, false);
}

void note_failed_links(Step& x) {
  if ((x.me().local & k_has_link) != 0) wq_of(x).links_failed = 1;
}

}  // namespace unzap::kernel
