// SPDX-License-Identifier: Apache-2.0
#include "util/left_behind.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

#include "util/assert.hpp"
#include "util/clock.hpp"
#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr int k_tries = 20;
constexpr useconds_t k_try_us = 1000;

void set_up(const ApartOptions& options, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before; 0: this is the first process of a pid namespace, and its parent outside.
  if (const pid_t now = ::getppid(); now != parent && now != 0) ::_exit(1);
  ::prctl(PR_SET_NAME, options.name);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
  if (const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0)
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  if (options.keep_only < 0) return;
  if (options.keep_only != k_kept_fd) ::dup2(options.keep_only, k_kept_fd);
  ::close_range(k_kept_fd + 1, ~0U, 0);
}

[[noreturn]] void live(const ApartOptions& options, pid_t parent, const std::function<int()>& work) {
  set_up(options, parent);
  try {
    ::_exit(work() & 0xff);
  } catch (const std::exception&) {
    ::kill(::getpid(), SIGKILL);  // not an answer of `work`
  }
  ::_exit(1);
}

/// True when the child has ended; it is not reaped. One that somebody else has reaped is gone.
bool has_ended(pid_t child) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    return errno == ECHILD;
  return info.si_pid == child;
}

bool ends_within(pid_t child, double seconds) {
  const TimeLimit limit(seconds);
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  while (!has_ended(child)) {
    const int left = limit.milliseconds_left();
    if (left == 0) return false;
    pollfd end{handle.get(), POLLIN, 0};
    ::poll(&end, 1, handle ? left : 1);  // without pidfd_open(): before 5.3, and where it is filtered
  }
  return true;
}

}  // namespace

LeftBehind::~LeftBehind() {
  if (!running()) return;
  const pid_t child = abandon();
  for (int tries = 0; tries < k_tries && ::waitpid(child, nullptr, WNOHANG) == 0; ++tries) ::usleep(k_try_us);
}

int LeftBehind::start(const ApartOptions& options, const std::function<int()>& work) {
  UNZAP_ASSERT(!running(), "it has a process already: {}", pid_);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) live(options, parent, work);
  pid_ = child;
  return 0;
}

std::optional<int> LeftBehind::wait(double seconds) {
  UNZAP_ASSERT(running(), "there is no process to wait for");
  const bool ended = ends_within(pid_, seconds);
  const pid_t child = ended ? std::exchange(pid_, -1) : abandon();
  int status = 0;
  if (::waitpid(child, &status, ended ? 0 : WNOHANG) != child || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

pid_t LeftBehind::abandon() {
  UNZAP_ASSERT(running(), "no process is killed by the number {}", pid_);
  ::kill(pid_, SIGKILL);
  return std::exchange(pid_, -1);
}

}  // namespace unzap
