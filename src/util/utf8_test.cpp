// SPDX-License-Identifier: Apache-2.0
#include "util/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace unzap {
namespace {

/// The bytes that RFC 3629 gives for a code point of `length` bytes, overlong or not.
std::string bytes_of(char32_t code, std::size_t length) {
  if (length == 1) return {static_cast<char>(code)};
  std::string out;
  for (std::size_t i = 1; i < length; ++i, code >>= 6)
    out.insert(out.begin(), static_cast<char>(0x80 | (code & 0x3f)));
  out.insert(out.begin(), static_cast<char>((0xff00U >> length & 0xff) | code));
  return out;
}

std::size_t shortest(char32_t code) {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

TEST(Utf8, EachCodePointHasOneForm) {
  for (char32_t code = 0; code < 0x120000; ++code) {
    const bool exists = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    for (std::size_t length = shortest(code); length <= 4; ++length) {
      const Character one = first_character(bytes_of(code, length) + "x");
      const bool right = exists && length == shortest(code);
      ASSERT_EQ(one.bytes, right ? length : 0) << std::hex << static_cast<std::uint32_t>(code);
      if (right) {
        ASSERT_EQ(one.code, code);
      }
    }
  }
}

TEST(Utf8, TornAndStrayBytesAreNone) {
  for (const char* text : {"", "\x80", "\xbf\x80", "\xc3", "\xe2\x80", "\xf0\x9f\x98", "\xf5\x80\x80\x80",
                           "\xff", "\xe2\x28\xa1", "\xc3\xc3"})
    EXPECT_EQ(first_character(text).bytes, 0U) << text;
}

TEST(Utf8, WhatHidesOrTurnsTextIsNotVisible) {
  for (const int code : {0x0,    0xa,    0x1b,   0x7f,   0x80,   0x9b,    0x9f,     0xad,    0x61c,
                         0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a,  0x202e,   0x2060,  0x2066,
                         0x2069, 0xfeff, 0xfffe, 0xffff, 0xfdd0, 0x1ffff, 0x10fffe, 0xe0001, 0xe007f})
    EXPECT_FALSE(is_visible(static_cast<char32_t>(code))) << std::hex << code;
  for (const int code : {0x20, 0x7e, 0xa0, 0xe9, 0x2013, 0x2192, 0x4e2d, 0xfffd, 0x1f600})
    EXPECT_TRUE(is_visible(static_cast<char32_t>(code))) << std::hex << code;
}

}  // namespace
}  // namespace unzap
