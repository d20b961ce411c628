// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/deb.hpp"

#include <gtest/gtest.h>

#include "kernel_image/testing.hpp"

namespace unzap {
namespace {

using namespace testing_kernel;

const std::vector<TestFile> k_files = {{"./boot/System.map-6.1.1", "x"},
                                       {"./boot/config-6.1.1", "CONFIG_64BIT=y\n"},
                                       {"./boot/vmlinuz-6.1.1", "kernel"},
                                       {"./lib/modules/a", "never read"}};

TEST(Deb, gives_the_kernel_and_its_config) {
  for (const Compression compression :
       {Compression::none, Compression::gzip, Compression::xz, Compression::zstd}) {
    SCOPED_TRACE(std::string(name(compression)));
    const Result<DebKernel> kernel = read_deb(bytes_of(deb_of(k_files, compression)));
    ASSERT_TRUE(kernel) << kernel.error().text();
    EXPECT_EQ(kernel->image_name, "boot/vmlinuz-6.1.1");
    EXPECT_EQ(kernel->image, "kernel");
    EXPECT_EQ(kernel->config, "CONFIG_64BIT=y\n");
    EXPECT_EQ(kernel->package + " " + kernel->version, "linux-image-test 6.1.1-1");
  }
}

TEST(Deb, says_what_is_wrong) {
  const std::string good = deb_of(k_files, Compression::gzip);
  std::string no_tar = tar_of(k_files);
  no_tar[257] = 'x';
  std::string huge = tar_of({{"./boot/vmlinuz-1", "kernel"}});
  huge.replace(124, 11, "77777777777");
  const std::string head = "!<arch>\n" + std::string("data.tar        0           0     0     100644  ");
  struct Row {
    const char* name;
    std::string bytes;
    const char* message;
  };
  const Row rows[] = {
      {"head only", "!<arch>\n", "no whole data.tar"},
      {"cut short", good.substr(0, good.size() - 20), "no whole data.tar"},
      {"no kernel", deb_of({{"./usr/share/doc/a", "x"}}, Compression::xz),
       "linux-image-test holds no boot/vmlinuz-*"},
      {"no tar", head + "2048      `\n" + no_tar + std::string(2048, '\0'), "it is not a tar"},
      {"a file that is larger than any kernel", head + "2560      `\n" + huge + std::string(2560, '\0'),
       "is larger than 64 MiB"},
      {"length past the end", head + "9999999999`\n", "no whole data.tar"},
      {"length that is not a number", head + "zzz       `\n", "no whole data.tar"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Result<DebKernel> kernel = read_deb(bytes_of(row.bytes));
    ASSERT_FALSE(kernel);
    EXPECT_NE(kernel.error().message.find(row.message), std::string::npos) << kernel.error().message;
  }
}

TEST(Deb, a_bomb_ends_at_the_limit) {
  const std::vector<TestFile> files = {{"./aaa", std::string(std::size_t{300} << 20, '\0')}, k_files[2]};
  const Result<DebKernel> kernel = read_deb(bytes_of(deb_of(files, Compression::zstd)));
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message.find("first 96 MiB"), std::string::npos) << kernel.error().message;
}

}  // namespace
}  // namespace unzap
