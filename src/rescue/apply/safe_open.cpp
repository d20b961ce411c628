// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/safe_open.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

namespace unzap {
namespace {

constexpr int k_most_links = 40;
constexpr const char* k_elsewhere = "name another file with --audit FILE, in a folder of root's";

Error refused(ErrorKind kind, const std::string& why, const std::string& place) {
  return {kind, "no record can be kept, so nothing was done: " + why, place, k_elsewhere};
}

Error refused(int error, const std::string& place) {
  const bool denied = error == EACCES || error == EPERM;
  return refused(denied ? ErrorKind::permission : ErrorKind::io, std::strerror(error), place);
}

bool ours(const struct stat& found) {
  return found.st_uid == 0 || found.st_uid == ::geteuid();
}

void push_front(std::deque<std::string>& todo, const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at && path.compare(at, end - at, ".") != 0) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  todo.insert(todo.begin(), parts.begin(), parts.end());
}

/// The way to the folder of a file, one name at a time, so that nobody can change what was looked at.
class Way {
 public:
  explicit Way(const std::string& folder) : shown_(folder), at_(open_begin(folder)) {
    push_front(todo_, folder);
  }

  Result<Fd> walk() {
    if (at_.get() < 0) return refused(errno, shown_);
    if (auto failed = check_folder(shown_.starts_with('/') ? "/" : ".")) return *failed;
    while (!todo_.empty()) {
      const std::string name = todo_.front();
      todo_.pop_front();
      if (auto failed = step(name)) return *failed;
    }
    return std::move(at_);
  }

 private:
  static int open_begin(const std::string& path) {
    return ::open(path.starts_with('/') ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  }

  std::optional<Error> check_folder(const std::string& name) const {
    struct stat found {};
    if (::fstat(at_.get(), &found) != 0) return refused(errno, shown_);
    if (!ours(found))
      return refused(ErrorKind::permission,
                     fmt::format("the folder {} on the way belongs to somebody else", name), shown_);
    if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.st_mode & S_ISVTX) == 0)
      return refused(ErrorKind::permission, fmt::format("others may write to the folder {} on the way", name),
                     shown_);
    return std::nullopt;
  }

  std::optional<Error> step(const std::string& name) {
    Fd next(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0 && errno == ENOENT)
      return refused(ErrorKind::io, fmt::format("there is no folder {}", name), shown_);
    struct stat found {};
    if (next.get() < 0 || ::fstat(next.get(), &found) != 0) return refused(errno, shown_);
    if (S_ISLNK(found.st_mode)) return follow(name, next, found);
    if (!S_ISDIR(found.st_mode))
      return refused(ErrorKind::io, fmt::format("{} is not a folder", name), shown_);
    at_ = std::move(next);
    return check_folder(name);
  }

  std::optional<Error> follow(const std::string& name, const Fd& link, const struct stat& found) {
    if (!ours(found))
      return refused(ErrorKind::permission,
                     fmt::format("the link {} on the way belongs to somebody else", name), shown_);
    char target[PATH_MAX];
    const ssize_t length = ::readlinkat(link.get(), "", target, sizeof target);
    if (length <= 0 || ++links_ > k_most_links) return refused(ELOOP, shown_);
    const std::string text(target, static_cast<std::size_t>(length));
    push_front(todo_, text);
    if (!text.starts_with('/')) return std::nullopt;
    at_ = Fd(open_begin("/"));
    return at_.get() < 0 ? std::optional(refused(errno, shown_)) : check_folder("/");
  }

  std::string shown_;
  Fd at_;
  std::deque<std::string> todo_;
  int links_ = 0;
};

/// Why this is not a file to keep a record in; empty when it is one.
std::optional<Error> unfit(const struct stat& found, const std::string& path) {
  const auto refuse = [&path](ErrorKind kind, const char* why) { return refused(kind, why, path); };
  if (S_ISLNK(found.st_mode)) return refuse(ErrorKind::io, "it is a link");
  if (S_ISDIR(found.st_mode)) return refuse(ErrorKind::io, "it is a folder");
  if (S_ISFIFO(found.st_mode)) return refuse(ErrorKind::io, "it is a pipe");
  if (!S_ISREG(found.st_mode)) return refuse(ErrorKind::io, "it is a device or a socket, and no file");
  if (found.st_uid != ::geteuid()) return refuse(ErrorKind::permission, "it belongs to somebody else");
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return refuse(ErrorKind::permission, "others may write to it");
  if (found.st_nlink != 1) return refuse(ErrorKind::permission, "it has more names than this one");
  return std::nullopt;
}

}  // namespace

Result<Fd> open_safely(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return refused(ErrorKind::io, "it is a folder", path);
  auto at = Way(folder).walk();
  if (!at) return at.error();
  // Looked at first, since to open a device may already do something to it.
  struct stat found {};
  if (::fstatat(at->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    if (auto error = unfit(found, path)) return *error;
  } else if (errno != ENOENT) {
    return refused(errno, path);
  }
  constexpr int k_flags =
      O_WRONLY | O_CREAT | O_APPEND | O_DSYNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd file(::openat(at->get(), name.c_str(), k_flags, 0600));
  if (file.get() < 0 || ::fstat(file.get(), &found) != 0) return refused(errno, path);
  if (auto error = unfit(found, path)) return *error;
  return file;
}

}  // namespace unzap
