// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/decompress_blocks.hpp"

#include <lz4.h>
#include <lzo/lzo1x.h>

#include <string>

namespace unzap {
namespace {

constexpr std::size_t k_lz4_block_bytes = std::size_t{8} << 20;
constexpr std::size_t k_lzo_block_bytes = std::size_t{64} << 20;

Error damaged(std::string_view what) {
  return {ErrorKind::bad_data, std::string(what), "", "get the file again"};
}

/// Reads the head of an lzop file, where numbers are big-endian.
class LzopReader {
 public:
  explicit LzopReader(ByteView bytes) : bytes_(bytes) {}

  std::uint32_t number(std::size_t size) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if (at_ < bytes_.size())
        out = (out << 8) | bytes_[at_++];
      else
        short_ = true;
    }
    return out;
  }
  ByteView bytes(std::size_t size) {
    const auto part = part_of(bytes_, at_, size);
    short_ = short_ || !part;
    at_ += part ? size : 0;
    return part.value_or(ByteView{});
  }
  bool is_short() const { return short_; }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  bool short_ = false;
};

/// What the head of an lzop file says that is needed to read the blocks: how many checksums stand before
/// each.
struct LzopHead {
  int of_plain = 0;
  int of_packed = 0;
};

LzopHead read_lzop_head(LzopReader& in) {
  in.bytes(9);  // magic
  const std::uint32_t version = in.number(2);
  const bool new_head = version >= 0x0940;
  in.number(2);
  if (new_head) in.number(2);
  in.number(1);
  if (new_head) in.number(1);
  const std::uint32_t flags = in.number(4);
  if (flags & 0x800) in.number(4);
  in.bytes(8);  // mode and time
  if (new_head) in.number(4);
  in.bytes(in.number(1));  // name
  in.number(4);            // checksum of the head
  return {((flags & 0x1) != 0) + ((flags & 0x100) != 0), ((flags & 0x2) != 0) + ((flags & 0x200) != 0)};
}

}  // namespace

Result<bool> decompress_lz4(ByteView packed, const Sink& sink) {
  std::string block(k_lz4_block_bytes, '\0');
  bool any = false;
  for (std::uint64_t at = 4;;) {
    const auto size = number_at<std::uint32_t>(packed, at);
    const auto part = size ? part_of(packed, at + 4, *size) : std::nullopt;
    // The kernel's build appends the unpacked length, which then stands where a block would begin.
    if (!part || *size == 0) {
      if (any) return true;
      return damaged("the lz4 data end before their first block");
    }
    const int got = LZ4_decompress_safe(reinterpret_cast<const char*>(part->data()), block.data(),
                                        static_cast<int>(std::min<std::uint32_t>(*size, 0x7e000000)),
                                        static_cast<int>(block.size()));
    if (got < 0) return damaged("a block of the lz4 data is damaged");
    any = true;
    if (!sink(bytes_of(std::string_view(block).substr(0, static_cast<std::size_t>(got))))) return true;
    at += 4 + std::uint64_t{*size};
  }
}

Result<bool> decompress_lzo(ByteView packed, const Sink& sink) {
  LzopReader in(packed);
  const LzopHead head = read_lzop_head(in);
  std::string block;
  for (;;) {
    const std::uint32_t plain_size = in.number(4);
    if (in.is_short()) return damaged("the lzo data end too early");
    if (plain_size == 0) return true;
    const std::uint32_t packed_size = in.number(4);
    if (plain_size > k_lzo_block_bytes || packed_size > plain_size)
      return damaged("a block of the lzo data has an impossible length");
    for (int i = 0; i < head.of_plain; ++i) in.number(4);
    if (packed_size < plain_size)
      for (int i = 0; i < head.of_packed; ++i) in.number(4);
    const ByteView part = in.bytes(packed_size);
    if (in.is_short()) return damaged("the lzo data end too early");
    if (packed_size == plain_size) {
      if (!sink(part)) return true;
      continue;
    }
    block.resize(plain_size);
    lzo_uint got = plain_size;
    if (lzo1x_decompress_safe(part.data(), part.size(), reinterpret_cast<unsigned char*>(block.data()), &got,
                              nullptr) != LZO_E_OK ||
        got != plain_size)
      return damaged("a block of the lzo data is damaged");
    if (!sink(bytes_of(block))) return true;
  }
}

}  // namespace unzap
