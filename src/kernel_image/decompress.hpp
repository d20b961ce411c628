// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kernel_image/bytes.hpp"
#include "util/names.hpp"
#include "util/result.hpp"

namespace unzap {

/// How bytes are packed, as their first bytes say. `none`: nothing that is known here.
enum class Compression : std::uint8_t { none, gzip, xz, lzma, zstd, lz4, lzo, bzip2 };
constexpr auto names_of(Compression) {
  return name_table<Compression>({{Compression::none, "none"},
                                  {Compression::gzip, "gzip"},
                                  {Compression::xz, "xz"},
                                  {Compression::lzma, "lzma"},
                                  {Compression::zstd, "zstd"},
                                  {Compression::lz4, "lz4"},
                                  {Compression::lzo, "lzo"},
                                  {Compression::bzip2, "bzip2"}});
}

Compression compression_of(ByteView bytes);

/// Takes what was unpacked, piece by piece; false: no more is wanted.
using Sink = std::function<bool(ByteView)>;

/// Unpacks `packed` into `sink`. What follows the end of the stream is ignored, as the kernel ignores the
/// length that its build appends. Ends when the sink wants no more, which is not an error. Errors: bad_data
/// when the stream is damaged or cut short, or when the format cannot be unpacked here. Never takes more
/// memory than a dictionary of 128 MiB, whatever the stream asks for, and reads at most 20 MiB of xz or lzma
/// data, which are slow.
Result<bool> decompress(Compression compression, ByteView packed, const Sink& sink);

/// All of it in one piece. An error when it is more than `max_bytes`.
Result<std::string> decompress_all(Compression compression, ByteView packed, std::size_t max_bytes);

}  // namespace unzap
