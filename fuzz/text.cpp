// SPDX-License-Identifier: Apache-2.0
// Whatever is pasted: read, diagnosed, shown, and recorded without loss.
#include "sources/text/text_source.hpp"

#include "diagnosis/diagnose.hpp"
#include "fuzz.hpp"
#include "report/report.hpp"
#include "sources/bundle/bundle.hpp"

void unzap::fuzz_one(std::string_view input) {
  const Snapshot snapshot = read_text(input, "fuzz");
  const Diagnosis diagnosis = diagnose(snapshot);
  must(!to_json(diagnosis, snapshot).empty() && !to_text(diagnosis, snapshot, {}).empty());
  const auto bundle = write_bundle(snapshot, {.compressed = false});
  if (!bundle) return;
  const auto same = read_bundle(*bundle, "again");
  must(same && *same == snapshot);
}
