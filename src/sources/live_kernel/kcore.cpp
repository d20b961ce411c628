// SPDX-License-Identifier: Apache-2.0
#include "sources/live_kernel/kcore.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_segments = 4096;

Error failed(const std::string& path, int error) {
  ErrorKind kind = ErrorKind::io;
  if (error == ENOENT) kind = ErrorKind::no_input;
  if (error == EACCES || error == EPERM) kind = ErrorKind::permission;
  return {kind, std::strerror(error), path, kind == ErrorKind::permission ? "run it as root" : ""};
}

/// True when all of `size` bytes at `offset` were read into `into`.
bool read_at(int fd, void* into, std::uint64_t size, std::uint64_t offset) {
  std::uint64_t got = 0;
  while (got < size) {
    const ssize_t part =
        ::pread(fd, static_cast<char*>(into) + got, size - got, static_cast<off_t>(offset + got));
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) return false;
    got += static_cast<std::uint64_t>(part);
  }
  return true;
}

Result<std::string> read_open(int fd, const std::string& path, std::uint64_t address, std::uint64_t size) {
  const Error no_core{ErrorKind::bad_data, "this is not a core file of a 64-bit kernel", path, ""};
  Elf64_Ehdr head{};
  if (!read_at(fd, &head, sizeof head, 0) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) return no_core;
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr)) return no_core;
  for (std::size_t i = 0; i < std::min<std::size_t>(head.e_phnum, k_max_segments); ++i) {
    Elf64_Phdr segment{};
    if (!read_at(fd, &segment, sizeof segment, head.e_phoff + i * sizeof segment)) return no_core;
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
        address - segment.p_vaddr > segment.p_memsz || segment.p_memsz - (address - segment.p_vaddr) < size)
      continue;
    std::string out(size, '\0');
    if (!read_at(fd, out.data(), size, segment.p_offset + (address - segment.p_vaddr)))
      return failed(path, EIO);
    return out;
  }
  return Error{ErrorKind::bad_data, fmt::format("no segment holds {:x}", address), path, ""};
}

}  // namespace

Result<std::string> read_kcore(const std::string& path, std::uint64_t address, std::uint64_t size) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed(path, errno);
  return read_open(file.get(), path, address, size);
}

}  // namespace unzap
