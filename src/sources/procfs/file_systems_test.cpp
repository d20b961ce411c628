// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/file_systems.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

#if defined(__x86_64__)
TEST(FileOfCall, of_calls_that_work_on_a_file) {
  const std::string rest = " 0x7ffd 0x2 0x0 0x0 0x0 0x7ffc 0x4521";
  EXPECT_EQ(file_of_call("1 0x3" + rest), 3);
  EXPECT_EQ(file_of_call("74 0x1f" + rest), 31);
  for (const std::string& other :
       {"257 0x3" + rest, std::string("0 running"), std::string("running"), std::string("-1 0x7f 0x1"),
        std::string("1"), std::string(), "1 0xffffffffffffff9c" + rest})
    EXPECT_EQ(file_of_call(other), std::nullopt) << other;
}
#endif

TEST(MountOf, is_the_line_of_the_number) {
  const std::string mounts =
      "700 650 0:52 / / rw - overlay overlay rw,lowerdir=/a\n"
      "701 700 7:0 /sub /data\\040x rw,relatime shared:3 master:1 - xfs /dev/loop0 rw\n"
      "702 700 0:5 / /dev rw\n";
  EXPECT_EQ(mount_of(mounts, 701), "/data\\040x xfs 7:0 /dev/loop0");
  EXPECT_EQ(mount_of(mounts, 700), "/ overlay 0:52 overlay");
  for (const std::int32_t none : {702, 703, 0}) EXPECT_EQ(mount_of(mounts, none), std::nullopt) << none;
}

}  // namespace
}  // namespace unzap
