// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "util/clock.hpp"
#include "util/result.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_default_width = 100;
constexpr double k_patience_seconds = 1.0;

bool g_output_was_closed = false;  // set once, before anything else runs
bool g_colors = false;             // set when somebody was told to use them

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void prepare_standard_streams() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would have the kernel reap our processes before we do
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (fd == STDOUT_FILENO) g_output_was_closed = true;
    // The lowest free number is taken, which is this one: those below are open by now.
    if (::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
      ::_exit(exit_code(ErrorKind::io));
  }
}

bool use_color(ColorChoice choice) {
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::strcmp(terminal, "dumb") == 0;
  g_colors = choice == ColorChoice::automatic ? ::isatty(STDOUT_FILENO) == 1 && !dumb && !is_set("NO_COLOR")
                                              : choice == ColorChoice::always;
  return g_colors;
}

std::size_t output_width() {
  constexpr std::size_t k_least = 40;
  constexpr std::size_t k_most = 200;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return k_default_width;
  return std::clamp<std::size_t>(size.ws_col, k_least, k_most);
}

int write_output(std::string_view text) {
  const auto repaired = text_repaired(text, {.colors = g_colors});
  return write_bytes(repaired ? *repaired : text);
}

int finish(std::string_view text, int code) {
  const int failed = write_output(text);
  return failed != 0 ? failed : code;
}

int write_bytes(std::string_view data) {
  int error = g_output_was_closed ? EBADF : 0;
  while (error == 0 && !data.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0)
      error = errno;
    else
      data.remove_prefix(static_cast<std::size_t>(put));
  }
  if (error == 0) return 0;
  if (error != EPIPE) say(fmt::format("cannot write to standard output: {}", std::strerror(error)));
  return exit_code(ErrorKind::io);
}

void say(std::string_view text) {
  talk(fmt::format("unzap: {}\n", printable(text, std::size_t{1} << 14)));
}

void talk(std::string_view lines) {
  std::fwrite(lines.data(), 1, lines.size(), stderr);
  std::fflush(stderr);
}

bool can_ask() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool says_yes(std::string_view question) {
  talk(question);
  std::string line;
  char one = 0;
  while (line.size() < 16 && ::read(STDIN_FILENO, &one, 1) == 1 && one != '\n') line += one;
  const std::string_view word = trim(line);
  return word == "y" || word == "Y" || word == "yes";
}

ProgressLine::ProgressLine(bool quiet)
    : enabled_(!quiet && ::isatty(STDERR_FILENO) == 1), start_seconds_(monotonic_seconds()) {}

ProgressLine::~ProgressLine() {
  if (shown_) talk("\r\x1b[K");
}

void ProgressLine::show(std::string_view text) {
  if (!enabled_ || monotonic_seconds() - start_seconds_ < k_patience_seconds) return;
  shown_ = true;
  talk(fmt::format("\r\x1b[Kunzap: {} ...", printable(text, 70)));
}

}  // namespace unzap
