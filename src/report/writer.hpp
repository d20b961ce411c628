// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unzap {

/// What a piece of text means to the reader; colours follow from it.
enum class Tone : unsigned char { plain, bad, good, warning, heading, quiet };

/// Puts indented, wrapped lines together.
class TextWriter {
 public:
  TextWriter(std::size_t width, bool color) : width_(width), color_(color) {}

  /// `lead` in `tone`, then `text` wrapped behind it: further lines stand below the first letter of `text`,
  /// or a little to the right of `lead` when that is long.
  /// Control characters in both are escaped.
  void item(std::size_t indent, std::string_view lead, std::string_view text, Tone tone = Tone::plain);
  /// A line that is not wrapped: a command to paste.
  void verbatim(std::size_t indent, std::string_view lead, std::string_view text);
  /// One wrapped paragraph.
  void paragraph(std::size_t indent, std::string_view text) { item(indent, "", text); }
  /// An empty line, but never two.
  void gap();

  const std::string& text() const { return out_; }

 private:
  std::size_t width_;
  bool color_;
  std::string out_;
};

}  // namespace unzap
