// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace unzap {

/// Bytes of a file, seen and not owned.
using ByteView = std::span<const std::uint8_t>;

/// The little-endian number at `offset`, or nothing when it does not lie within `bytes`. Every machine that
/// this room reads is little-endian.
template <class Int>
std::optional<Int> number_at(ByteView bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(Int)) return std::nullopt;
  Int value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// `size` bytes from `offset` on, or nothing when they do not all lie within `bytes`.
inline std::optional<ByteView> part_of(ByteView bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) return std::nullopt;
  return bytes.subspan(offset, size);
}

inline std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
/// The text before the first NUL; a name of a kernel is never longer than 512 bytes.
inline std::string_view text_to_nul(ByteView bytes) {
  const std::string_view text = text_of(bytes).substr(0, 512);
  return text.substr(0, text.find('\0'));
}

inline ByteView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace unzap
