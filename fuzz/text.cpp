// SPDX-License-Identifier: Apache-2.0
// Whatever is pasted: read, diagnosed, shown, and recorded without loss.
#include "sources/text/text_source.hpp"

#include <algorithm>
#include <string>

#include "diagnosis/diagnose.hpp"
#include "fuzz.hpp"
#include "report/diagnosis/report.hpp"
#include "sources/bundle/bundle.hpp"

namespace {

/// One line that neither a terminal nor a monitor takes for anything else.
bool is_plain_line(const std::string& text, std::size_t most) {
  return text.size() <= most && text.ends_with('\n') &&
         std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

void unzap::fuzz_one(std::string_view input) {
  const Snapshot snapshot = read_text(input, "fuzz");
  const Diagnosis diagnosis = diagnose(snapshot);
  must(!to_json(diagnosis, snapshot).empty() && !to_text(diagnosis, snapshot, {}).empty());
  must(is_plain_line(to_nrpe(diagnosis, snapshot).text, 1024) && is_plain_line(to_npd(diagnosis).text, 80));
  for (const std::string& shown : {to_dot(diagnosis, snapshot), to_jsonl(diagnosis, snapshot)})
    must(!shown.empty() && shown.find('\x1b') == std::string::npos);
  const auto bundle = write_bundle(snapshot, {.compressed = false});
  if (!bundle) return;
  const auto same = read_bundle(*bundle, "again");
  must(same && *same == snapshot);
}
