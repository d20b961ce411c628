// SPDX-License-Identifier: Apache-2.0
// A bundle from a stranger: it is refused, or it can be written again, masked, diagnosed and shown.
#include "sources/bundle/bundle.hpp"

#include "diagnosis/diagnose.hpp"
#include "fuzz.hpp"
#include "report/diagnosis/report.hpp"
#include "sources/bundle/redact.hpp"
#include "util/text.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto snapshot = read_bundle(input, "fuzz");
  if (!snapshot) return must(!snapshot.error().message.empty() && snapshot.error().place.starts_with("fuzz"));
  const auto again = write_bundle(*snapshot, {.compressed = false});
  must(static_cast<bool>(again));
  const auto same = read_bundle(*again, "again");
  must(same && *same == *snapshot);
  for (const Snapshot& one : {*snapshot, redacted(*snapshot)}) {
    const Diagnosis diagnosis = diagnose(one);
    for (const std::string& shown :
         {to_json(diagnosis, one), to_text(diagnosis, one, {}), to_dot(diagnosis, one)})
      must(!shown.empty() && !text_repaired(shown, {}));
  }
}
