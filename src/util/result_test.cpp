// SPDX-License-Identifier: Apache-2.0
#include "util/result.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

TEST(Error, TextLeavesOutWhatIsEmpty) {
  EXPECT_EQ((Error{ErrorKind::bad_data, "unknown key `cpu`", "a.toml:3:1", "did you mean `cpus`?"}).text(),
            "a.toml:3:1: unknown key `cpu`; did you mean `cpus`?");
  EXPECT_EQ((Error{ErrorKind::usage, "no such kernel", "", ""}).text(), "no such kernel");
}

TEST(Error, KindsMapToSysexits) {
  EXPECT_EQ(exit_code(ErrorKind::usage), 64);
  EXPECT_EQ(exit_code(ErrorKind::bad_data), 65);
  EXPECT_EQ(exit_code(ErrorKind::no_input), 66);
  EXPECT_EQ(exit_code(ErrorKind::io), 74);
  EXPECT_EQ(exit_code(ErrorKind::permission), 77);
}

TEST(Result, HoldsAValueOrAnError) {
  Result<int> good = 7;
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 7);
  Result<int> bad = Error{ErrorKind::io, "cannot read", "x", ""};
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::io);
}

TEST(ResultDeathTest, ValueOfAFailedResultIsADefect) {
  Result<int> bad = Error{ErrorKind::io, "cannot read", "x", ""};
  EXPECT_EXIT((void)*bad, testing::ExitedWithCode(k_exit_internal), "cannot read");
}

}  // namespace
}  // namespace unzap
