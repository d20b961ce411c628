// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/compression.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>

namespace unzap::bundle {
namespace {

constexpr std::string_view k_magic = "\x28\xb5\x2f\xfd";
constexpr int k_level = 9;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

bool is_compressed(std::string_view bytes) {
  return bytes.starts_with(k_magic);
}

std::string compress(std::string_view text) {
  const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  UNZAP_ASSERT(context != nullptr, "no memory to compress {} bytes", text.size());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, k_level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size());
  UNZAP_ASSERT(ZSTD_isError(size) == 0, "zstd: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

Result<std::string> decompress(std::string_view bytes, std::size_t max_bytes, const std::string& label) {
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  UNZAP_ASSERT(context != nullptr, "no memory to decompress {} bytes", bytes.size());
  std::string out;
  std::string chunk(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
  std::size_t open = 1;  // 0: a frame has just ended
  for (bool full = true; from.pos < from.size || full;) {
    ZSTD_outBuffer to{chunk.data(), chunk.size(), 0};
    open = ZSTD_decompressStream(context.get(), &to, &from);
    if (ZSTD_isError(open) != 0)
      return Error{ErrorKind::bad_data, fmt::format("is damaged (zstd: {})", ZSTD_getErrorName(open)), label,
                   "copy it again"};
    if (to.pos > max_bytes - out.size())
      return Error{ErrorKind::bad_data,
                   fmt::format("holds more than {} MiB when decompressed", max_bytes >> 20), label,
                   "no bundle is that large; look at it with zstd -dc FILE | head"};
    out.append(chunk, 0, to.pos);
    full = to.pos == chunk.size() && open != 0;
  }
  if (open != 0)
    return Error{ErrorKind::bad_data, "is cut off: the compressed data has no end", label, "copy it again"};
  return out;
}

}  // namespace unzap::bundle
