// SPDX-License-Identifier: Apache-2.0
#include "util/text.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

TEST(Text, SplitsAndTrims) {
  EXPECT_EQ(trim("  a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(split_words(" a  bc\td "), (std::vector<std::string_view>{"a", "bc", "d"}));
}

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("42s"), std::nullopt);
  EXPECT_EQ(parse_number<int>(""), std::nullopt);
  EXPECT_EQ(parse_number<int>("99999999999"), std::nullopt);
  EXPECT_EQ(parse_number<unsigned long>("1f", 16), 31UL);
}

TEST(Text, NearestNeedsARealLikeness) {
  EXPECT_EQ(nearest("v5.15.16", {"v5.15.160", "v6.1.192"}), "v5.15.160");
  EXPECT_EQ(nearest("windows", {"v5.15.160", "v6.1.192"}), "");
}

TEST(Text, PrintableStripsTerminalControl) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace unzap
