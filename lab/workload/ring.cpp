// SPDX-License-Identifier: Apache-2.0
#include "ring.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "say.hpp"

namespace lab {

Ring::Ring(unsigned entries, unsigned flags) {
  params_.flags = flags;
  params_.sq_thread_idle = 1000;  // ms; used with IORING_SETUP_SQPOLL only
  fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, entries, &params_));
  if (fd_ < 0) die("io_uring_setup");
  bytes_ = std::max<std::size_t>(params_.sq_off.array + params_.sq_entries * sizeof(unsigned),
                                 params_.cq_off.cqes + params_.cq_entries * sizeof(io_uring_cqe));
  const auto map = [&](std::size_t size, off_t offset) {
    void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
    if (place == MAP_FAILED) die("mmap of a ring");
    return static_cast<std::byte*>(place);
  };
  rings_ = map(bytes_, IORING_OFF_SQ_RING);  // with IORING_FEAT_SINGLE_MMAP (5.4) both rings lie here
  entries_ = reinterpret_cast<io_uring_sqe*>(
      map(params_.sq_entries * sizeof(io_uring_sqe), static_cast<off_t>(IORING_OFF_SQES)));
}

unsigned* Ring::at(std::size_t offset) const {
  return reinterpret_cast<unsigned*>(rings_ + offset);
}

io_uring_sqe& Ring::next() {
  const unsigned mask = *at(params_.sq_off.ring_mask);
  const unsigned place = (*at(params_.sq_off.tail) + queued_) & mask;
  at(params_.sq_off.array)[place] = place;
  ++queued_;
  std::memset(&entries_[place], 0, sizeof entries_[place]);
  return entries_[place];
}

void Ring::submit(unsigned wait_for) {
  std::atomic_ref<unsigned> tail(*at(params_.sq_off.tail));
  tail.store(tail.load(std::memory_order_relaxed) + queued_, std::memory_order_release);
  unsigned flags = wait_for > 0 ? IORING_ENTER_GETEVENTS : 0;
  if ((params_.flags & IORING_SETUP_SQPOLL) != 0)
    flags |= IORING_ENTER_SQ_WAKEUP;  // it may have gone to sleep
  if (::syscall(SYS_io_uring_enter, fd_, queued_, wait_for, flags, nullptr, 0) < 0) die("io_uring_enter");
  queued_ = 0;
}

void Ring::unmap() {
  if (::munmap(entries_, params_.sq_entries * sizeof(io_uring_sqe)) != 0 || ::munmap(rings_, bytes_) != 0)
    die("munmap of a ring");
}

}  // namespace lab
