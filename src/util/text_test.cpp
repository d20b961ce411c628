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
            "<U+009B>31m \\x9b \\xe2\\x80")
      << "C1 controls and torn UTF-8 do not";
}

TEST(Text, PrintableShowsWhatNobodySees) {
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "evil\xe2\x80\x8b"),
            "<U+202E>evil<U+200B>");
  EXPECT_EQ(printable("\xef\xbb\xbf\xf3\xa0\x81\x81\xe2\x80\xa9"), "<U+FEFF><U+E0041><U+2029>");
  EXPECT_EQ(printable("\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80"),
            "\\xed\\xa0\\x80 \\xc0\\xaf \\xf4\\x90\\x80\\x80")
      << "surrogates, overlong forms, beyond Unicode";
  EXPECT_EQ(printable("caf\xc3\xa9", 4), "caf...") << "no character is torn by the limit";
}

TEST(Text, TheGateKeepsWhatIsOursOnly) {
  EXPECT_EQ(text_repaired("plain caf\xc3\xa9\n", {}), std::nullopt);
  EXPECT_EQ(text_repaired("\x1b[1;31mred\x1b[0m\n", {.colors = true}), std::nullopt);
  EXPECT_EQ(text_repaired("\x1b[1;31m", {}), "<U+001B>[1;31m");
  EXPECT_EQ(text_repaired("\x1b[2J\x1b]0;x\x07", {.colors = true}), "<U+001B>[2J<U+001B>]0;x<U+0007>");
  EXPECT_EQ(text_repaired("a\tb\r\n", {}), "a b<U+000D>\n");
  EXPECT_EQ(text_repaired("a\nb", {.line_feeds = false}), "a<U+000A>b");
  EXPECT_EQ(text_repaired("\xff\xe2\x80\xae|", {}), "\xef\xbf\xbd<U+202E>|");
}

}  // namespace
}  // namespace unzap
