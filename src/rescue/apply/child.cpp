// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace unzap {

std::optional<int> in_child(double seconds, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) ::_exit(work() & 0xff);
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  pollfd ready{handle, POLLIN, 0};
  const bool ended = handle >= 0 && ::poll(&ready, 1, static_cast<int>(seconds * 1000)) == 1;
  if (handle >= 0) ::close(handle);
  int status = 0;
  if (!ended) ::kill(child, SIGKILL);
  if (::waitpid(child, &status, ended ? 0 : WNOHANG) != child || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

}  // namespace unzap
