// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// io_uring/io_uring.c, tctx.c, sqpoll.c. Facts: docs/kernel-facts/io_uring.md and sqpoll.md.

/// Steps of io_ring_ctx_wait_and_kill(): the ring is released, armed polls and timeouts are cancelled, each
/// by task work of the task that submitted it.
enum class IoRingCtxWaitAndKill : std::uint8_t { cancel_requests, set_notify_signal };
constexpr Routine routine_of(IoRingCtxWaitAndKill) {
  return Routine::io_ring_ctx_wait_and_kill;
}

/// Steps of io_sq_thread(), from the SQPOLL thread's sleep to its end.
enum class IoSqThread : std::uint8_t { sleep, after_get_signal, do_exit };
constexpr Routine routine_of(IoSqThread) {
  return Routine::io_sq_thread;
}

}  // namespace unzap::kernel
