// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// io_uring/io-wq.c. Facts: docs/kernel-facts/io_wq.md.

/// What a worker executes (Task::item).
inline constexpr std::uint8_t k_item_none = 0;
inline constexpr std::uint8_t k_item_bounded =
    1;  ///< statx of a path: runs to its end, posts its result itself
inline constexpr std::uint8_t k_item_unbounded = 2;  ///< read of a pipe that stays empty
inline constexpr std::uint8_t k_item_cancel = 3;     ///< IO_WQ_WORK_CANCEL: fails at once

/// Wq::link_at: where the request is on which the linked ones hang. In a queue it is the last one.
enum : std::uint8_t {
  k_link_in_hand,  ///< a worker executes it: k_has_link in its Task::local
  k_link_in_bounded,
  k_link_in_unbounded,
  k_link_in_hashed  ///< or, once a worker holds the hash, the last of the chain
};

/// Task::local of a worker in io_worker_handle_work(). The first two: what IO_WQ_BIT_EXIT was on entry.
inline constexpr std::uint8_t k_entered = 1;
inline constexpr std::uint8_t k_entered_exiting = 2;
inline constexpr std::uint8_t k_holds_hash = 4;
inline constexpr std::uint8_t k_has_link = 8;   ///< requests are linked to the one that it executes
inline constexpr std::uint8_t k_assigned = 16;  ///< its next item is assigned, while it passes a link on

/// Steps of io_wqe_worker(), the worker's loop; io_wq_worker() from 6.6 on. An idle worker stands at `woken`.
enum class IoWorker : std::uint8_t {
  test_exit,  ///< IO_WQ_BIT_EXIT
  set_current_state,
  look_for_work,
  flush_signals,  ///< io_flush_signals(), 6.1: io_run_task_work()
  schedule_timeout,
  woken,
  after_get_signal,
  drain,
  io_worker_exit
};
constexpr Routine routine_of(IoWorker) {
  return Routine::io_worker;
}

/// Steps of io_worker_handle_work().
enum class IoWorkerHandleWork : std::uint8_t {
  next,    ///< io_get_next_work(), or what follows the item that is done
  assign,  ///< io_assign_current_work(), and the item
  stall,   ///< found work of a held hash only
  wait_on_hash,
  enqueue_link,
  release_hash,
  wake_waiter,
  execute,  ///< the item, assigned before
  cancelled_link,
  notify_owner,     ///< of links that failed
  cancelled_notify  ///< the same, of those behind a link that was cancelled
};
constexpr Routine routine_of(IoWorkerHandleWork) {
  return Routine::io_worker_handle_work;
}

/// Steps of io_wq_submit_work() and below: a request is executed.
enum class IoWqDoWork : std::uint8_t { io_issue_sqe, about_to_sleep, schedule, woken, set_notify_signal };
constexpr Routine routine_of(IoWqDoWork) {
  return Routine::io_wq_do_work;
}

/// Steps of io_queue_worker_create().
enum class IoQueueWorkerCreate : std::uint8_t {
  take_references,
  task_work_add,
  set_notify_signal,
  put_references
};
constexpr Routine routine_of(IoQueueWorkerCreate) {
  return Routine::io_queue_worker_create;
}

/// Steps of io_worker_exit(): the worker's reference goes, its owner may still hold one; then worker_refs.
enum class IoWorkerExit : std::uint8_t { io_worker_release, wait_for_completion, io_worker_ref_put };
constexpr Routine routine_of(IoWorkerExit) {
  return Routine::io_worker_exit;
}

/// Steps of io_wq_put_and_exit(), the owner's side of the exit handshake: io_wq_exit_workers() and
/// io_wq_destroy().
enum class IoWqPutAndExit : std::uint8_t {
  exit_workers,
  io_worker_get,
  wake_up_process,
  io_worker_release,
  io_worker_ref_put,
  wait_for_completion,
  io_wq_destroy,
  set_notify_signal
};
constexpr Routine routine_of(IoWqPutAndExit) {
  return Routine::io_wq_put_and_exit;
}

/// Takes queued create_worker_cb of `wq` back from its owner's task work: all (io_wq_cancel_tw_create), or
/// those of one worker.
void cancel_worker_creation(Step& x, std::uint8_t wq, TaskNo only = k_no_task);

/// Makes a worker of an account of `wq`, if there can be one more: create_io_worker(), by the calling task.
/// False: the caller has all references as before.
bool make_worker(Step& x, std::uint8_t wq, bool unbounded);

/// io_acct_run_queue(): the account has work, and is not stalled.
bool runs_queue(const Wq& wq, bool unbounded);
/// Whether the account's list holds work at all.
bool has_listed(const Wq& wq, bool unbounded);
/// Whether somebody executes work of the hash.
bool hash_held(const Wq& wq);
/// wake_up(hash->wait): io_wqe_hash_wake() wakes an idle worker of an account that is still stalled, and says
/// whom.
TaskNo wake_hash_waiter(const Config& c, State& s, std::uint8_t wq);
/// The request of the worker that runs fails: so will those linked to it.
void note_failed_links(Step& x);

/// create_worker_cb(), run by the owner of the io_wq as task work: makes the worker that was asked for, or
/// gives the references for it back.
void create_worker_cb(Step& x);

/// The worker's last put of worker_refs: the point from which its owner no longer waits for it.
void put_worker_refs_of_exiting(Step& x);

}  // namespace unzap::kernel
