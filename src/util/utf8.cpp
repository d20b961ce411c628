// SPDX-License-Identifier: Apache-2.0
#include "util/utf8.hpp"

#include <algorithm>
#include <iterator>

namespace unzap {
namespace {

struct Range {
  char32_t first, last;
};

// Default_Ignorable_Code_Point and Bidi_Control of the Unicode database, the controls, and the separators of
// lines and paragraphs; in rising order.
constexpr Range k_hidden[] = {{0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
                              {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
                              {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
                              {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
                              {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

}  // namespace

Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return {};
  char32_t code = byte(0) & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  constexpr char32_t k_least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < k_least[length] || code > 0x10ffff || surrogate) return {};
  return {code, length};
}

bool is_visible(char32_t code) {
  if (code >= 0x20 && code < 0x7f) return true;
  if ((code & 0xfffe) == 0xfffe) return false;  // the last two of each plane
  const auto* const range = std::find_if(std::begin(k_hidden), std::end(k_hidden),
                                         [code](const Range& one) { return code <= one.last; });
  return range == std::end(k_hidden) || code < range->first;
}

}  // namespace unzap
