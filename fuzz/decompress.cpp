// SPDX-License-Identifier: Apache-2.0
// Packed data of every kind: an end within the limit, or an error.
#include "kernel_image/decompress.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  constexpr std::size_t k_limit = std::size_t{16} << 20;
  const ByteView bytes = bytes_of(input);
  const Result<std::string> plain = decompress_all(compression_of(bytes), bytes, k_limit);
  must(!plain || plain->size() <= k_limit);
}
