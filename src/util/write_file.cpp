// SPDX-License-Identifier: Apache-2.0
#include "util/write_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr int k_ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_in_folder(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Error error_at(const std::string& path, int error) {
  if (error == EACCES || error == EPERM || error == EROFS)
    return {ErrorKind::permission, "not permitted to write here", path, "name a file in a folder of yours"};
  if (error == ENOENT || error == ENOTDIR)
    return {ErrorKind::no_input, "there is no such folder", folder_of(path), "make it, or name another"};
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    return {ErrorKind::io, std::strerror(error), path, "nothing was written; name a file elsewhere"};
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

mode_t mode_of(Access access) {
  if (access == Access::owner) return 0600;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

/// For as long as it lives, a file that grows too large is an error (EFBIG) and not the end of the process.
class NoSizeSignal {
 public:
  NoSizeSignal() : before_(::signal(SIGXFSZ, SIG_IGN)) {}
  ~NoSizeSignal() { ::signal(SIGXFSZ, before_); }
  NoSizeSignal(const NoSizeSignal&) = delete;
  NoSizeSignal& operator=(const NoSizeSignal&) = delete;

 private:
  void (*before_)(int);
};

// What the handler takes away; set while a file has a name that is not its own.
volatile sig_atomic_t g_folder = -1;
char g_name[NAME_MAX + 1];

void take_away(int signal) {
  if (g_folder >= 0) ::unlinkat(g_folder, g_name, 0);
  ::signal(signal, SIG_DFL);
  ::raise(signal);  // comes when the handler returns, which unblocks it
}

/// A name in a folder that is gone again when this ends, or when a signal ends the process before.
class ShortLivedName {
 public:
  explicit ShortLivedName(int folder) {
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random)
      random = static_cast<std::uint64_t>(::getpid());
    name_ = fmt::format(".unzap-{:016x}", random);
    std::memcpy(g_name, name_.c_str(), name_.size() + 1);
    g_folder = folder;
    struct sigaction action {};
    action.sa_handler = take_away;
    for (std::size_t i = 0; i < std::size(k_ending_signals); ++i) {
      ::sigaction(k_ending_signals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) ::sigaction(k_ending_signals[i], &action, nullptr);
    }
  }
  ~ShortLivedName() {
    if (mine_) ::unlinkat(g_folder, g_name, 0);
    for (std::size_t i = 0; i < std::size(k_ending_signals); ++i)
      ::sigaction(k_ending_signals[i], &before_[i], nullptr);
    g_folder = -1;
  }
  ShortLivedName(const ShortLivedName&) = delete;
  ShortLivedName& operator=(const ShortLivedName&) = delete;

  const char* text() const { return name_.c_str(); }
  void is_mine(bool mine) { mine_ = mine; }

 private:
  std::string name_;
  bool mine_ = false;
  struct sigaction before_[std::size(k_ending_signals)]{};
};

/// A folder, opened once: all that follows happens in it, wherever its path leads meanwhile.
class Folder {
 public:
  explicit Folder(const std::string& path)
      : fd_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), error_(fd_ ? 0 : errno) {}
  int fd() const { return fd_.get(); }
  int error() const { return error_; }

 private:
  Fd fd_;
  int error_;
};

/// Content and mode of the open file, down to the disk; 0 or the errno.
int fill(int fd, std::string_view data, mode_t mode) {
  if (const int error = write_all(fd, data); error != 0) return error;
  if (::fchmod(fd, mode) != 0) return errno;
  return ::fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? errno : 0;
}

/// Gives the file without a name one; 0 or the errno.
int link_open_file(int fd, int folder, const char* name) {
  if (::linkat(fd, "", folder, name, AT_EMPTY_PATH) == 0) return 0;
  if (errno != ENOENT && errno != EPERM && errno != EINVAL) return errno;
  // Without CAP_DAC_READ_SEARCH (do_linkat, fs/namei.c).
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  return ::linkat(AT_FDCWD, path.c_str(), folder, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/// Gives the file `from` of the folder the name `to`; 0 or the errno.
int rename_in(int folder, const char* from, const char* to, bool overwrite) {
  if (overwrite) return ::renameat(folder, from, folder, to) == 0 ? 0 : errno;
  if (::renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without RENAME_NOREPLACE: a second name is refused as well when there is such a file.
  if (::linkat(folder, from, folder, to, 0) != 0) return errno;
  ::unlinkat(folder, from, 0);
  return 0;
}

/// Names the whole file; one that has the name gives it up when that was asked for.
int name_whole_file(int fd, int folder, const char* name, bool overwrite) {
  const int error = link_open_file(fd, folder, name);
  if (error != EEXIST || !overwrite) return error;
  ShortLivedName beside(folder);
  if (const int failed = link_open_file(fd, folder, beside.text()); failed != 0) return failed;
  const int failed = rename_in(folder, beside.text(), name, true);
  beside.is_mine(failed != 0);
  return failed;
}

/// Nothing when this cannot be done here; else 0 or the errno.
std::optional<int> write_without_name(int folder, const char* name, std::string_view data, bool overwrite,
                                      mode_t mode) {
  Fd file(::openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file) return std::nullopt;  // what is wrong with the folder, the other way will meet, too
  int error = fill(file.get(), data, mode);
  const bool whole = error == 0;
  if (whole) error = name_whole_file(file.get(), folder, name, overwrite);
  if (const int late = file.close(); error == 0) error = late;
  const bool no_way = whole && (error == ENOENT || error == EOPNOTSUPP || error == EPERM);  // no /proc
  return no_way ? std::nullopt : std::optional(error);
}

int write_beside(int folder, const char* name, std::string_view data, bool overwrite, mode_t mode) {
  ShortLivedName beside(folder);
  Fd file(::openat(folder, beside.text(), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600));
  if (!file) return errno;
  beside.is_mine(true);
  int error = fill(file.get(), data, mode);
  if (const int late = file.close(); error == 0) error = late;
  if (error == 0) error = rename_in(folder, beside.text(), name, overwrite);
  beside.is_mine(error != 0);
  return error;
}

}  // namespace

std::optional<Error> cannot_write_file(const std::string& path, bool overwrite) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode))
      return Error{ErrorKind::usage, "is a folder, not a file", path, "name a file in it"};
    if (!S_ISREG(found.st_mode))
      return Error{ErrorKind::usage, "is not a regular file", path,
                   "name a new file, or - for standard output"};
    if (!overwrite) return exists(path);
  } else if (errno != ENOENT) {
    return error_at(path, errno);
  }
  if (::access(folder_of(path).c_str(), W_OK | X_OK) != 0) return error_at(path, errno);
  return std::nullopt;
}

std::optional<Error> write_file(const std::string& path, std::string_view data, bool overwrite,
                                Access access) {
  if (auto refused = cannot_write_file(path, overwrite)) return refused;
  const Folder folder(folder_of(path));
  if (folder.error() != 0) return error_at(path, folder.error());
  const std::string name = name_in_folder(path);
  const mode_t mode = mode_of(access);
  const NoSizeSignal no_size_signal;
  std::optional<int> error = write_without_name(folder.fd(), name.c_str(), data, overwrite, mode);
  if (!error) error = write_beside(folder.fd(), name.c_str(), data, overwrite, mode);
  if (*error == 0) return std::nullopt;
  return *error == EEXIST ? exists(path) : error_at(path, *error);
}

}  // namespace unzap
