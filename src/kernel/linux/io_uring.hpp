// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// io_uring/io_uring.c, tctx.c, sqpoll.c. Facts: docs/kernel-facts/io_uring.md and sqpoll.md.

/// __io_uring_cancel(cancel_all = false) of an exiting thread: IO_WQ_BIT_EXIT, then the workers; armed polls
/// and timeouts stay.
void step_io_uring_cancel_generic(Step& x);
/// The ring is released: armed polls and timeouts are cancelled, each by task work of the task that submitted
/// it.
void step_io_ring_ctx_wait_and_kill(Step& x);
/// The SQPOLL thread, from its sleep to its end.
void step_io_sq_thread(Step& x);

}  // namespace unzap::kernel
