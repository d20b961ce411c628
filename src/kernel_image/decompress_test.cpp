// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/decompress.hpp"

#include <gtest/gtest.h>

#include "kernel_image/testing.hpp"

namespace unzap {
namespace {

using testing_kernel::pack;

constexpr Compression k_all[] = {Compression::gzip, Compression::xz,  Compression::lzma,
                                 Compression::zstd, Compression::lz4, Compression::lzo};

/// Text that packs well in places and badly in others, longer than a piece of every reader.
std::string sample() {
  std::string out;
  std::uint32_t noise = 1;
  while (out.size() < (std::size_t{9} << 20)) {
    noise = noise * 1664525 + 1013904223;
    out += noise % 3 == 0 ? std::string(200, 'k') : std::string(1, static_cast<char>(noise >> 24));
  }
  return out;
}

TEST(Decompress, every_packing_comes_back_whole) {
  const std::string plain = sample();
  for (const Compression compression : k_all) {
    SCOPED_TRACE(std::string(name(compression)));
    const std::string packed = pack(compression, plain);
    EXPECT_EQ(compression_of(bytes_of(packed)), compression);
    // With the length behind it, as the kernel's build appends it.
    const Result<std::string> again = decompress_all(compression, bytes_of(packed + "\1\2\3\4"), 16 << 20);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_TRUE(*again == plain);
  }
}

TEST(Decompress, what_is_cut_short_is_an_error) {
  const std::string plain = sample().substr(0, 300000);
  for (const Compression compression : k_all) {
    SCOPED_TRACE(std::string(name(compression)));
    const std::string packed = pack(compression, plain);
    for (const std::size_t size : {std::size_t{6}, std::size_t{20}, packed.size() / 2}) {
      const Result<std::string> again = decompress_all(compression, bytes_of(packed).first(size), 16 << 20);
      ASSERT_FALSE(again) << size;
      EXPECT_EQ(again.error().kind, ErrorKind::bad_data);
    }
  }
}

TEST(Decompress, what_unpacks_to_more_than_the_limit_is_an_error) {
  const std::string plain(std::size_t{20} << 20, 'k');
  for (const Compression compression : k_all) {
    SCOPED_TRACE(std::string(name(compression)));
    const std::string packed = pack(compression, plain);
    const Result<std::string> again = decompress_all(compression, bytes_of(packed), 16 << 20);
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find("more than 16 MiB"), std::string::npos) << again.error().message;
  }
}

TEST(Decompress, bzip2_is_known_by_name_only) {
  EXPECT_EQ(compression_of(bytes_of("BZh91AY")), Compression::bzip2);
  const Result<std::string> again = decompress_all(Compression::bzip2, bytes_of("BZh91AY"), 100);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "bzip2 data cannot be unpacked here");
}

}  // namespace
}  // namespace unzap
