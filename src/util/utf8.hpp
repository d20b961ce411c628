// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace unzap {

/// A character of UTF-8 text.
struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  ///< 0: no well-formed character stands there
};

/// What `text` begins with. Overlong forms, surrogates and anything above U+10FFFF are not well-formed.
Character first_character(std::string_view text);

/// True for what a reader sees as it is: no control character (C0, DEL, C1), nothing that turns the direction
/// of text, is invisible or breaks a line without a line feed, and no noncharacter.
bool is_visible(char32_t code);

}  // namespace unzap
