// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/io_uring.h>

#include <cstddef>

namespace lab {

/// One io_uring, by its system calls. Not thread safe. Every failure ends the program with what failed.
class Ring {
 public:
  /// `flags`: IORING_SETUP_*.
  explicit Ring(unsigned entries, unsigned flags = 0);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  // No destructor: the program is about what the kernel does with a ring that nobody closed.

  /// A cleared entry, queued with the next submit(); there must be room for it.
  io_uring_sqe& next();
  /// Hands the queued entries to the kernel; waits for `wait_for` completions.
  void submit(unsigned wait_for = 0);
  /// Takes the ring out of this process's memory; its descriptor is then all that holds it. Whoever reads
  /// /proc/<pid>/stat holds the memory for a moment, and if the process exits just then, it is the reader who
  /// drops the last reference to the ring, and what that sets off happens there instead of here.
  void unmap();

 private:
  unsigned* at(std::size_t offset) const;

  int fd_;
  io_uring_params params_{};
  std::size_t bytes_ = 0;
  std::byte* rings_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
  unsigned queued_ = 0;
};

}  // namespace lab
