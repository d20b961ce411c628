// SPDX-License-Identifier: Apache-2.0
// Foreign text on its way out: whatever it is, what is shown is UTF-8 of visible characters, on one line.
#include "fuzz.hpp"
#include "util/text.hpp"

void unzap::fuzz_one(std::string_view input) {
  for (const std::size_t most : {std::size_t{7}, k_shown_host_bytes, k_shown_text_bytes}) {
    const std::string shown = printable(input, most);
    must(!text_repaired(shown, {.line_feeds = false}) && shown.find('\n') == std::string::npos);
    must(shown.size() <= 8 * most + 3);
  }
  for (const bool colors : {false, true})
    if (const auto repaired = text_repaired(input, {.colors = colors}))
      must(!text_repaired(*repaired, {.colors = colors}));
}
