// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/audit.hpp"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "rescue/apply/child.hpp"
#include "rescue/apply/safe_open.hpp"

namespace unzap {
namespace {

constexpr double k_write_seconds = 5;

std::string utc_now() {
  timeval time{};
  ::gettimeofday(&time, nullptr);
  std::tm parts{};
  ::gmtime_r(&time.tv_sec, &parts);
  char day[32];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", day, time.tv_usec / 1000);
}

/// 0, or the errno of what went wrong.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

}  // namespace

Result<Audit> Audit::open(const std::string& path) {
  auto file = open_safely(path);
  if (!file) return file.error();
  return Audit(std::move(*file), path);
}

std::optional<Error> Audit::write(std::string_view event, const Fields& fields) {
  nlohmann::ordered_json line = {{"at", utc_now()}, {"pid", ::getpid()}, {"event", event}};
  for (const auto& [key, value] : fields) line[key] = value;
  const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const auto error = in_child(k_write_seconds, [&] { return write_all(file_.get(), text); });
  if (error == 0) return std::nullopt;
  return Error{ErrorKind::io,
               fmt::format("cannot keep a record of what is done: {}",
                           error ? std::strerror(*error) : "the file system does not answer"),
               path_, ""};
}

}  // namespace unzap
