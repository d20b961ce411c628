// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

// fs/fuse/file.c, dev.c, inode.c. Facts: docs/kernel-facts/fuse.md.

/// Steps of fuse_flush(), the waits of request_wait_answer(): the second, because the request is forced, ends
/// with no signal.
enum class FuseFlush : std::uint8_t { wait_interruptible, wait_uninterruptible };
constexpr Routine routine_of(FuseFlush) {
  return Routine::fuse_flush;
}

/// True when closing the files of this task flushes a file of a FUSE mount whose connection lives.
bool must_flush(const Step& x);
/// An open /dev/fuse goes away; the last one aborts the connection.
void put_fuse_dev(const Config& c, State& s);
/// fuse_abort_conn(): all requests end with an error.
void abort_fuse_connection(const Config& c, State& s);

}  // namespace unzap::kernel
