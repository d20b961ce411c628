// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "util/result.hpp"

namespace unzap {

/// The bytes of a file without a copy of them: a regular file is mapped, so that only what is looked at takes
/// memory; anything else (a pipe, "-") is read, up to a limit. A file that another process cuts short
/// meanwhile ends this one with SIGBUS.
class MappedFile {
 public:
  /// Errors: no_input, permission, io; bad_data when a pipe holds more than `max_pipe_bytes`.
  static Result<MappedFile> open(const std::string& path, std::size_t max_pipe_bytes);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::uint8_t> bytes() const;

 private:
  MappedFile() = default;
  void* map_ = nullptr;
  std::size_t size_ = 0;
  std::string text_;
};

}  // namespace unzap
