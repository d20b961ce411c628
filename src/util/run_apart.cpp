// SPDX-License-Identifier: Apache-2.0
#include "util/run_apart.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>

namespace unzap {
namespace {

using Clock = std::chrono::steady_clock;

/// The life of the process that works: standard streams would keep the terminal, or the reader of our output,
/// waiting for as long as the kernel holds it.
[[noreturn]] void work_apart(int out, const std::function<std::string()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (const int null = ::open("/dev/null", O_RDWR); null >= 0)
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  int code = 1;
  try {
    const std::string text = work();
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t got = ::write(out, text.data() + written, text.size() - written);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) ::_exit(1);
      written += static_cast<std::size_t>(got);
    }
    code = 0;
  } catch (const std::exception&) {
    code = 1;  // the parent says that it died
  }
  ::_exit(code);
}

/// Reads until the end; nullptr, or what went wrong.
const char* read_until(int in, Clock::time_point end, std::size_t max_bytes, std::string& text) {
  char chunk[65536];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd wait{in, POLLIN, 0};
    const int ready = left > 0 ? ::poll(&wait, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return "did not come back in time";
    const ssize_t got = ::read(in, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return "could not be read";
    if (got == 0) return nullptr;
    if (static_cast<std::size_t>(got) > max_bytes - text.size()) return "gave too much";
    text.append(chunk, static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<std::string> run_apart(const std::string& what, const std::function<std::string()>& work,
                              double seconds, std::size_t max_bytes) {
  const auto failed = [&what](const std::string& why) {
    return Error{ErrorKind::io, fmt::format("{} {}", what, why), "", ""};
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) {
    const int error = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return failed(std::strerror(error));
  }
  if (child == 0) {
    ::close(ends[0]);
    work_apart(ends[1], work);
  }
  ::close(ends[1]);
  std::string text;
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const char* problem = read_until(ends[0], end, max_bytes, text);
  ::close(ends[0]);
  int status = 0;
  if (problem) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, WNOHANG);  // it may never end
    return failed(problem);
  }
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed("failed");
  return text;
}

}  // namespace unzap
