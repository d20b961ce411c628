// SPDX-License-Identifier: Apache-2.0
#include "util/write_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace unzap {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error error_at(const std::string& path, int error) {
  if (error == EACCES || error == EPERM || error == EROFS)
    return {ErrorKind::permission, "not permitted to write here", path, "name a file in a folder of yours"};
  if (error == ENOENT || error == ENOTDIR)
    return {ErrorKind::no_input, "there is no such folder", folder_of(path), "make it, or name another"};
  return {ErrorKind::io, std::strerror(error), path, ""};
}

Error exists(const std::string& path) {
  return {ErrorKind::usage, "is there already", path, "name another file, or overwrite it with --force"};
}

int write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd, data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

/// Gives the file at `from` the name `to`; the errno of what went wrong, or 0.
int take_name(const std::string& from, const std::string& to, bool overwrite) {
  if (overwrite) return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without RENAME_NOREPLACE: a second name is refused as well when there is such a file.
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  ::unlink(from.c_str());
  return 0;
}

}  // namespace

std::optional<Error> cannot_write_file(const std::string& path, bool overwrite) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode))
      return Error{ErrorKind::usage, "is a folder, not a file", path, "name a file in it"};
    if (!S_ISREG(found.st_mode))
      return Error{ErrorKind::usage, "is no regular file", path, "name a new file, or - for standard output"};
    if (!overwrite) return exists(path);
  } else if (errno != ENOENT) {
    return error_at(path, errno);
  }
  if (::access(folder_of(path).c_str(), W_OK | X_OK) != 0) return error_at(path, errno);
  return std::nullopt;
}

std::optional<Error> write_file(const std::string& path, std::string_view data, bool overwrite) {
  if (auto refused = cannot_write_file(path, overwrite)) return refused;
  std::string beside = path + ".XXXXXX";
  const int fd = ::mkostemp(beside.data(), O_CLOEXEC);
  if (fd < 0) return error_at(path, errno);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  int error = write_all(fd, data);
  if (error == 0 && ::fchmod(fd, 0666 & ~mask) != 0) error = errno;
  if (error == 0 && ::fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0) error = take_name(beside, path, overwrite);
  if (error == 0) return std::nullopt;
  ::unlink(beside.c_str());
  return error == EEXIST ? exists(path) : error_at(path, error);
}

}  // namespace unzap
