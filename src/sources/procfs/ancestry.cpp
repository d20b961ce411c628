// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/ancestry.hpp"

#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "linux/namespace_link.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr int k_most_levels = 33;  // MAX_PID_NS_LEVEL is 32 (include/linux/pid_namespace.h), and the first
constexpr std::string_view k_not_whole = "?";

bool is_namespace(int fd) {
  struct statfs system {};
  return ::fstatfs(fd, &system) == 0 && static_cast<std::uint64_t>(system.f_type) == NSFS_MAGIC;
}

std::uint64_t inode_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

AncestryText read_link(int directory, const char* path) {
  char target[256];
  const ssize_t got = ::readlinkat(directory, path, target, sizeof target);
  if (got < 0) return {errno, {}};
  return {0, std::string(target, static_cast<std::size_t>(got))};
}

/// The inodes from the open namespace up to the caller's own.
std::string walk(Fd at, std::uint64_t own) {
  std::string out;
  std::uint64_t last = 0;
  bool ended = false;
  for (int level = 0; level < k_most_levels && !ended; ++level) {
    last = inode_of(at.get());
    out += std::to_string(last) + "\n";
    at = Fd(::ioctl(at.get(), NS_GET_PARENT));
    ended = !at;
    if (ended && errno != EPERM) return out.append(k_not_whole);  // EPERM: this is the top
  }
  if (!ended || (own != 0 && last != own)) out.append(k_not_whole);
  return out;
}

}  // namespace

AncestryText read_ancestry(int directory, const char* path, std::uint64_t own) {
  Fd file(::openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  const int error = errno;
  if (file && is_namespace(file.get())) return {0, walk(std::move(file), own)};
  // What the kernel refuses it refuses for the link as well (proc_ns_readlink(), fs/proc/namespaces.c).
  if (!file && error != ENOENT && error != ELOOP) return {error, {}};
  return read_link(directory, path);
}

std::optional<Ancestry> parse_ancestry(std::string_view text) {
  if (const auto inode = parse_namespace_link(text)) return Ancestry{*inode, Absence::not_asked};
  std::vector<std::uint64_t> chain;
  bool whole = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    whole = line != k_not_whole;
    const auto inode = parse_number<std::uint64_t>(line);
    if (whole && !inode) return std::nullopt;
    if (inode) chain.push_back(*inode);
  }
  if (chain.empty()) return std::nullopt;
  Ancestry out{chain.front(), Absence::not_permitted};
  if (whole) out.chain = std::move(chain);
  return out;
}

}  // namespace unzap
