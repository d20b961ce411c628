// SPDX-License-Identifier: Apache-2.0
// ps and top: the first line is taken for a header, a command and a row, the others for rows of each layout.
#include <algorithm>
#include <vector>

#include "fuzz.hpp"
#include "sources/text/ps_parse.hpp"

void unzap::fuzz_one(std::string_view input) {
  const std::string_view first = input.substr(0, input.find('\n'));
  std::vector<text::PsLayout> layouts;
  for (const auto& layout : {text::parse_ps_header(first), text::parse_ps_command(first)})
    if (layout) layouts.push_back(*layout);
  for (int lines = 0; !input.empty() && lines < 50; ++lines) {
    const std::string_view row = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(row.size() + 1, input.size()));
    for (const text::PsLayout& layout : layouts) {
      const auto parsed = text::parse_ps_row(row, layout);
      if (parsed) must(parsed->comm.size() <= row.size() && parsed->wchan.size() <= row.size());
    }
    if (const text::PsLayout* guess = text::guess_ps_layout(row)) (void)text::parse_ps_row(row, *guess);
  }
}
