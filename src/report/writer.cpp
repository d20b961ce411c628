// SPDX-License-Identifier: Apache-2.0
#include "report/writer.hpp"

#include <algorithm>

#include "util/text.hpp"

namespace unzap {
namespace {

// A long lead must not squeeze the lines below it against the right edge.
constexpr std::size_t k_max_hang = 12;
constexpr std::size_t k_short_hang = 2;
constexpr std::size_t k_max_text = std::size_t{1} << 16;

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::plain: return "";
    case Tone::bad: return "\x1b[1;31m";
    case Tone::good: return "\x1b[1;32m";
    case Tone::warning: return "\x1b[1;33m";
    case Tone::heading: return "\x1b[1m";
    case Tone::quiet: return "\x1b[2m";
  }
  return "";
}

/// Columns of UTF-8 text, one for each character.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

void TextWriter::item(std::size_t indent, std::string_view lead, std::string_view text, Tone tone) {
  const std::string clean_lead = printable(lead);
  const std::string clean = printable(text, k_max_text);
  out_.append(indent, ' ');
  const std::string_view escape = color_ ? escape_of(tone) : std::string_view{};
  out_.append(escape).append(clean_lead);
  if (!escape.empty()) out_ += "\x1b[0m";
  const std::size_t lead_columns = columns(clean_lead);
  const std::size_t after_lead = indent + lead_columns;
  const std::size_t hang = lead_columns <= k_max_hang ? after_lead : indent + k_short_hang;
  std::size_t at = after_lead;
  bool first = true;
  for (const std::string_view word : split_words(clean)) {
    const std::size_t wide = columns(word);
    if (!first && at + 1 + wide > width_) {
      out_ += '\n';
      out_.append(hang, ' ');
      at = hang;
    } else if (!first) {
      out_ += ' ';
      ++at;
    }
    out_ += word;
    at += wide;
    first = false;
  }
  out_ += '\n';
}

void TextWriter::verbatim(std::size_t indent, std::string_view lead, std::string_view text) {
  out_.append(indent, ' ').append(printable(lead)).append(printable(text, k_max_text)).append("\n");
}

void TextWriter::gap() {
  if (!out_.empty() && !out_.ends_with("\n\n")) out_ += '\n';
}

}  // namespace unzap
