// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/finding_json.hpp"
#include "report/diagnosis/report.hpp"
#include "report/diagnosis/words.hpp"
#include "util/text.hpp"

namespace unzap {

std::string to_jsonl(const Diagnosis& diagnosis, const Snapshot& snapshot) {
  Json head = {
      {"schema_version", k_finding_schema_version},
      {"type", "verdict"},
      {"verdict", name(diagnosis.verdict)},
      {"host", snapshot.host.name ? Json(printable(*snapshot.host.name, k_shown_host_bytes)) : Json(nullptr)},
      {"findings", diagnosis.findings.size()},
      {"limits", words(diagnosis.limits)}};
  std::string out = json_line(head);
  for (const Finding& finding : diagnosis.findings) {
    Json line = {{"schema_version", k_finding_schema_version}, {"type", "finding"}};
    line.update(finding_json(finding));
    out += json_line(line);
  }
  return out;
}

}  // namespace unzap
