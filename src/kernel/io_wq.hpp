// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/step.hpp"

namespace unzap::kernel {

// io_uring/io-wq.c. Facts: docs/kernel-facts/io_wq.md.

/// What a worker executes (Task::item).
inline constexpr std::uint8_t k_item_none = 0;
inline constexpr std::uint8_t k_item_bounded =
    1;  ///< statx of a path: runs to its end, posts its result itself
inline constexpr std::uint8_t k_item_unbounded = 2;  ///< read of a pipe that stays empty
inline constexpr std::uint8_t k_item_cancel = 3;     ///< IO_WQ_WORK_CANCEL: fails at once

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
