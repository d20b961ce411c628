// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/formats.hpp"

#include <algorithm>
#include <type_traits>

namespace unzap {
namespace {

/// A writer of report.hpp with the arguments that every row of the table gets.
template <auto write>
Rendered by(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options) {
  using Writer = decltype(write);
  if constexpr (std::is_invocable_v<Writer, Diagnosis, Snapshot, TextOptions>)
    return write(diagnosis, snapshot, options);
  else if constexpr (std::is_invocable_v<Writer, Diagnosis, Snapshot>)
    return write(diagnosis, snapshot);
  else
    return write(diagnosis);
}

}  // namespace

const std::vector<DiagnosisFormat>& diagnosis_formats() {
  static const std::vector<DiagnosisFormat> formats = {
      {"text", "for people", by<to_text>, nullptr, changes_to_text, true},
      {"json", "one document, docs/schema/diagnose.schema.json", by<to_json>},
      {"jsonl", "a line for each finding", by<to_jsonl>, nullptr, changes_to_jsonl},
      {"dot", "who waits for whom, for Graphviz", by<to_dot>},
      {"nrpe", "one line for Nagios; exit status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN", by<to_nrpe>,
       nrpe_failure},
      {"npd", "at most 80 bytes for node-problem-detector; exit status 0 OK, 1 stuck, 2 unknown", by<to_npd>,
       npd_failure},
  };
  return formats;
}

const DiagnosisFormat* diagnosis_format(std::string_view name) {
  const std::vector<DiagnosisFormat>& all = diagnosis_formats();
  const auto found =
      std::find_if(all.begin(), all.end(), [name](const DiagnosisFormat& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace unzap
