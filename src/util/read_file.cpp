// SPDX-License-Identifier: Apache-2.0
#include "util/read_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_chunk_bytes = std::size_t{1} << 18;

Error open_error(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return {ErrorKind::no_input, "no such file", path, "check the path"};
  if (error == EACCES || error == EPERM)
    return {ErrorKind::permission, "not permitted to read this file", path, "run as a user who may"};
  return {ErrorKind::io, std::strerror(error), path, ""};
}

}  // namespace

Result<FileText> read_file(const std::string& path, std::size_t max_bytes) {
  const bool standard_input = path == "-";
  const Fd opened(standard_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!standard_input && !opened) return open_error(path, errno);
  const int fd = standard_input ? STDIN_FILENO : opened.get();
  FileText result;
  int error = 0;
  // One byte beyond the limit tells a file that is too long from one that just fits.
  while (result.text.size() <= max_bytes) {
    const std::size_t old = result.text.size();
    const std::size_t want = std::min(k_chunk_bytes, max_bytes + 1 - old);
    result.text.resize(old + want);
    ssize_t got;
    do got = ::read(fd, result.text.data() + old, want);
    while (got < 0 && errno == EINTR);
    result.text.resize(old + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) error = errno;
    if (got <= 0) break;
  }
  if (error == EISDIR) return Error{ErrorKind::io, "is a folder, not a file", path, "name a file in it"};
  if (error != 0) return Error{ErrorKind::io, std::strerror(error), path, ""};
  if (result.text.size() > max_bytes) {
    result.text.resize(max_bytes);
    result.cut = true;
  }
  return result;
}

}  // namespace unzap
