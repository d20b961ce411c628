// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/audit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

namespace unzap {
namespace {

std::string utc_now() {
  timeval time{};
  ::gettimeofday(&time, nullptr);
  std::tm parts{};
  ::gmtime_r(&time.tv_sec, &parts);
  char day[32];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", day, time.tv_usec / 1000);
}

}  // namespace

Result<Audit> Audit::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) return Audit(fd, path);
  const bool denied = errno == EACCES || errno == EPERM;
  return Error{denied ? ErrorKind::permission : ErrorKind::io,
               fmt::format("cannot keep a record of what is done: {}", std::strerror(errno)), path,
               "say where to with --audit FILE"};
}

Audit::Audit(Audit&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

Audit::~Audit() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<Error> Audit::write(std::string_view event, const Fields& fields) {
  nlohmann::ordered_json line = {{"at", utc_now()}, {"pid", ::getpid()}, {"event", event}};
  for (const auto& [key, value] : fields) line[key] = value;
  const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const ssize_t written = ::write(fd_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return std::nullopt;
  return Error{ErrorKind::io, fmt::format("cannot keep a record of what is done: {}", std::strerror(errno)),
               path_, ""};
}

}  // namespace unzap
