// SPDX-License-Identifier: Apache-2.0
#include "util/map_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "util/fd.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

/// Maps a regular file that is not empty; nullptr when it is anything else, or cannot be mapped.
void* map_regular(const std::string& path, std::size_t& size) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return nullptr;
  struct stat status {};
  void* map = nullptr;
  if (::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    size = static_cast<std::size_t>(status.st_size);
    map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (map == MAP_FAILED) map = nullptr;
  }
  return map;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path, std::size_t max_pipe_bytes) {
  MappedFile out;
  if (path != "-") out.map_ = map_regular(path, out.size_);
  if (out.map_) return out;
  Result<FileText> text = read_file(path, max_pipe_bytes);
  if (!text) return text.error();
  if (text->cut)
    return Error{ErrorKind::bad_data, fmt::format("the input is longer than {} MiB", max_pipe_bytes >> 20),
                 path, "give it as a regular file"};
  out.text_ = std::move(text->text);
  return out;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)), size_(other.size_), text_(std::move(other.text_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(map_, other.map_);
  std::swap(size_, other.size_);
  std::swap(text_, other.text_);
  return *this;
}

MappedFile::~MappedFile() {
  if (map_) ::munmap(map_, size_);
}

std::span<const std::uint8_t> MappedFile::bytes() const {
  if (map_) return {static_cast<const std::uint8_t*>(map_), size_};
  return {reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size()};
}

}  // namespace unzap
