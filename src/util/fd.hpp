// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace unzap {

/// The owner of a file descriptor, or of none: closes it at its end, and leaves errno as it was.
class Fd {
 public:
  Fd() = default;
  /// Takes over what open() and its like return; negative: none.
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  /// The descriptor, which is the caller's from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  /// Closes what it has and takes this one over.
  void reset(int fd = -1) {
    const int before = errno;
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    errno = before;
  }
  /// Closes it now. 0, or the errno: of a file that was written, some errors show only here.
  [[nodiscard]] int close() { return ::close(release()) == 0 ? 0 : errno; }

 private:
  int fd_ = -1;
};

/// The ends of a pipe; without descriptors, and errno set, when there is none to be had.
struct Pipe {
  Fd in;   ///< to read from
  Fd out;  ///< to write to

  static Pipe open() {
    int ends[2];
    return ::pipe2(ends, O_CLOEXEC) == 0 ? Pipe{Fd(ends[0]), Fd(ends[1])} : Pipe{};
  }
  explicit operator bool() const { return static_cast<bool>(in); }
};

}  // namespace unzap
