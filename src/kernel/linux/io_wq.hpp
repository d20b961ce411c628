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

/// Steps of Routine::io_worker, the worker's loop. An idle worker stands at k_worker_woken.
enum : std::uint8_t {
  k_worker_woken,
  k_worker_after_get_signal,
  k_worker_test_exit,
  k_worker_set_state,
  k_worker_look_for_work,
  k_worker_flush,
  k_worker_sleep,
  k_worker_drain,
  k_worker_leave
};

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

/// The owner's side of the exit handshake: io_wq_put_and_exit(), io_wq_exit_workers(), io_wq_destroy().
void step_io_wq_put_and_exit(Step& x);
/// The worker: its loop, and the parts of it.
void step_io_worker(Step& x);
void step_io_worker_handle_work(Step& x);
void step_io_wq_do_work(Step& x);
void step_io_queue_worker_create(Step& x);
void step_io_worker_exit(Step& x);

}  // namespace unzap::kernel
