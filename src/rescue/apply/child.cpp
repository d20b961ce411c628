// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace unzap {
namespace {

using Clock = std::chrono::steady_clock;

/// One that is left behind must not keep those waiting who read our output.
[[noreturn]] void live(const std::function<int()>& work) {
  if (const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0)
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  ::_exit(work() & 0xff);
}

bool ends_before(int handle, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready{handle, POLLIN, 0};
    const int got = ::poll(&ready, 1, left > 0 ? static_cast<int>(left) : 0);
    if (got == 1) return true;
    if (got == 0 || errno != EINTR) return false;
  }
}

}  // namespace

std::optional<int> in_child(double seconds, const std::function<int()>& work) {
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) live(work);
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  const bool ended = handle >= 0 && ends_before(handle, end);
  if (handle >= 0) ::close(handle);
  int status = 0;
  if (!ended) ::kill(child, SIGKILL);
  if (::waitpid(child, &status, ended ? 0 : WNOHANG) != child || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

}  // namespace unzap
