// SPDX-License-Identifier: Apache-2.0
#include "util/run_apart.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "util/clock.hpp"
#include "util/fd.hpp"
#include "util/left_behind.hpp"

namespace unzap {
namespace {

constexpr double k_least_seconds = 1;

/// All of `text` into the pipe; 0 when it went through.
int send(int out, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(out, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return 1;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

/// Reads until the end; nullptr, or what went wrong.
const char* read_until_end(int in, const TimeLimit& limit, std::size_t max_bytes, std::string& text) {
  char chunk[65536];
  for (;;) {
    pollfd wait{in, POLLIN, 0};
    const int left = limit.milliseconds_left();
    const int ready = left > 0 ? ::poll(&wait, 1, left) : 0;
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
  Pipe pipe = Pipe::open();
  if (!pipe) return failed(std::strerror(errno));
  const TimeLimit limit(seconds);
  LeftBehind process;
  const ApartOptions options{.name = "unzap-apart", .keep_only = pipe.out.get()};
  if (const int error = process.start(options, [&work] { return send(k_kept_fd, work()); }); error != 0)
    return failed(std::strerror(error));
  pipe.out.reset();
  std::string text;
  if (const char* problem = read_until_end(pipe.in.get(), limit, max_bytes, text)) return failed(problem);
  // It has closed its end, and has nothing left to do that could block.
  if (process.wait(std::max(limit.seconds_left(), k_least_seconds)) != 0) return failed("failed");
  return text;
}

}  // namespace unzap
