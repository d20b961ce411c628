// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/decompress.hpp"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>

#include <fmt/format.h>

#include "kernel_image/decompress_blocks.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_chunk_bytes = std::size_t{1} << 18;
constexpr std::uint64_t k_dictionary_bytes = std::uint64_t{128} << 20;  // scripts/xz_wrap.sh asks for as much
// These two unpack by the bit, some 13 MB of packed data a second: longer ones would take longer than anybody
// waits. Debian's kernels have 8 MiB.
constexpr std::size_t k_max_lzma_bytes = std::size_t{20} << 20;
// Beyond this a text that grows would take twice its size for a moment.
constexpr std::size_t k_grows_until = std::size_t{32} << 20;
constexpr int k_zstd_window_log = 27;

struct Magic {
  Compression compression;
  std::string_view bytes;
};
constexpr Magic k_magic[] = {
    {Compression::gzip, std::string_view("\x1f\x8b\x08", 3)},
    {Compression::xz, std::string_view("\xfd"
                                       "7zXZ\0",
                                       6)},
    {Compression::zstd, std::string_view("\x28\xb5\x2f\xfd", 4)},
    {Compression::lz4, std::string_view("\x02\x21\x4c\x18", 4)},
    {Compression::lzo, std::string_view("\x89LZO\0\r\n\x1a\n", 9)},
    {Compression::bzip2, std::string_view("BZh", 3)},
    {Compression::lzma, std::string_view("\x5d\0\0", 3)},
};

Error damaged(Compression compression, std::string_view why) {
  return {ErrorKind::bad_data, fmt::format("the {} data are damaged: {}", name(compression), why), "",
          "get the file again"};
}

Result<bool> from_zlib(ByteView packed, const Sink& sink) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return damaged(Compression::gzip, "zlib does not start");
  const std::unique_ptr<z_stream, int (*)(z_streamp)> end(&stream, &inflateEnd);
  std::string chunk(k_chunk_bytes, '\0');
  std::size_t taken = 0;
  for (;;) {
    // avail_in has 32 bits; a longer input is given in parts.
    const std::size_t given = std::min<std::size_t>(packed.size() - taken, std::size_t{1} << 30);
    stream.next_in = const_cast<Bytef*>(packed.data() + taken);
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    const int state = inflate(&stream, Z_NO_FLUSH);
    taken += given - stream.avail_in;
    const std::size_t got = chunk.size() - stream.avail_out;
    if (got > 0 && !sink(bytes_of(std::string_view(chunk).substr(0, got)))) return true;
    if (state == Z_STREAM_END) return true;
    if (state != Z_OK && state != Z_BUF_ERROR)
      return damaged(Compression::gzip, stream.msg ? stream.msg : "zlib stops");
    if (got == 0 && taken == packed.size()) return damaged(Compression::gzip, "they end too early");
  }
}

std::string_view lzma_says(lzma_ret state) {
  switch (state) {
    case LZMA_MEMLIMIT_ERROR: return "they ask for more than 128 MiB of memory";
    case LZMA_BUF_ERROR: return "they end too early";
    case LZMA_OPTIONS_ERROR: return "they use a filter that liblzma does not know";
    case LZMA_FORMAT_ERROR: return "they have no valid head";
    default: return "a checksum or a length is wrong";
  }
}

Result<bool> from_lzma(Compression compression, ByteView packed, const Sink& sink) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::uint64_t limit = k_dictionary_bytes + (std::uint64_t{1} << 20);
  const lzma_ret started = compression == Compression::xz ? lzma_stream_decoder(&stream, limit, 0)
                                                          : lzma_alone_decoder(&stream, limit);
  if (started != LZMA_OK) return damaged(compression, "liblzma does not start");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> end(&stream, &lzma_end);
  std::string chunk(k_chunk_bytes, '\0');
  stream.next_in = packed.data();
  stream.avail_in = std::min(packed.size(), k_max_lzma_bytes);
  const bool too_long = stream.avail_in < packed.size();
  for (;;) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(chunk.data());
    stream.avail_out = chunk.size();
    const lzma_ret state = lzma_code(&stream, LZMA_RUN);
    const std::size_t got = chunk.size() - stream.avail_out;
    if (got > 0 && !sink(bytes_of(std::string_view(chunk).substr(0, got)))) return true;
    if (state == LZMA_STREAM_END) return true;
    if (state == LZMA_BUF_ERROR && too_long)
      return Error{ErrorKind::bad_data,
                   fmt::format("more than {} MiB of {} data", k_max_lzma_bytes >> 20, name(compression)), "",
                   "unpack it first and give the vmlinux"};
    if (state != LZMA_OK) return damaged(compression, lzma_says(state));
  }
}

Result<bool> from_zstd(ByteView packed, const Sink& sink) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) return damaged(Compression::zstd, "libzstd does not start");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, k_zstd_window_log);
  std::string chunk(k_chunk_bytes, '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    const std::size_t state = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(state)) return damaged(Compression::zstd, ZSTD_getErrorName(state));
    if (out.pos > 0 && !sink(bytes_of(std::string_view(chunk).substr(0, out.pos)))) return true;
    if (state == 0) return true;
    if (in.pos == in.size && out.pos == 0) return damaged(Compression::zstd, "they end too early");
  }
}

}  // namespace

Compression compression_of(ByteView bytes) {
  for (const Magic& magic : k_magic)
    if (text_of(bytes).starts_with(magic.bytes)) return magic.compression;
  return Compression::none;
}

Result<bool> decompress(Compression compression, ByteView packed, const Sink& sink) {
  switch (compression) {
    case Compression::gzip: return from_zlib(packed, sink);
    case Compression::xz:
    case Compression::lzma: return from_lzma(compression, packed, sink);
    case Compression::zstd: return from_zstd(packed, sink);
    case Compression::lz4: return decompress_lz4(packed, sink);
    case Compression::lzo: return decompress_lzo(packed, sink);
    case Compression::none:
    case Compression::bzip2: break;
  }
  return Error{ErrorKind::bad_data, fmt::format("{} data cannot be unpacked here", name(compression)), "",
               "unpack it first and give the vmlinux"};
}

Result<std::string> decompress_all(Compression compression, ByteView packed, std::size_t max_bytes) {
  std::string out;
  // The build appends the unpacked length to all but gzip, where it is part of the format. It is a hint.
  const auto hint = number_at<std::uint32_t>(packed, packed.size() < 4 ? 0 : packed.size() - 4);
  if (hint && *hint <= max_bytes && *hint / 64 <= packed.size()) out.reserve(*hint);
  bool too_much = false;
  const Sink sink = [&](ByteView piece) {
    too_much = piece.size() > max_bytes - out.size();
    if (out.size() + piece.size() > k_grows_until && out.capacity() < max_bytes &&
        out.capacity() - out.size() < piece.size())
      out.reserve(max_bytes);
    if (!too_much) out.append(text_of(piece));
    return !too_much;
  };
  const Result<bool> done = decompress(compression, packed, sink);
  if (!done) return done.error();
  if (too_much)
    return Error{ErrorKind::bad_data,
                 fmt::format("the {} data unpack to more than {} MiB", name(compression), max_bytes >> 20),
                 "", "no kernel is that large: get the file again"};
  return out;
}

}  // namespace unzap
