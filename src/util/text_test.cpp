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
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x80\x93"), "caf\xc3\xa9 \xe2\x80\x93") << "UTF-8 stays";
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \x9b \xe2\x80"),
            "\\xc2\\x9b31m \\x9b \\xe2\\x80")
      << "C1 controls and torn UTF-8 do not";
}

}  // namespace
}  // namespace unzap
