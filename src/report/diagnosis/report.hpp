// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// What a form of a report makes.
struct Rendered {
  std::string text;
  std::optional<int> exit_code = {};  ///< of the program; nothing: that of the verdict

  Rendered(std::string all) : text(std::move(all)) {}  // NOLINT(google-explicit-constructor): most are text
  Rendered(std::string all, int code) : text(std::move(all)), exit_code(code) {}
};

/// The diagnosis as JSON, by docs/schema/diagnose.schema.json, with a final line feed. What is not known is
/// null, never 0. Bytes that are not UTF-8 are replaced (U+FFFD).
std::string to_json(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// The diagnosis as lines of JSON, by docs/schema/diagnose-lines.schema.json: one with the verdict, then one
/// for each finding.
std::string to_jsonl(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// Who waits for whom, as a graph for Graphviz: all edges of the wait-for graph, or, of a large one, those
/// around the findings. Culprits are red, victims orange; what was not seen but follows is dashed.
std::string to_dot(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// For Nagios, NRPE and Icinga: "UNZAP CRITICAL - cause (confidence): summary | findings=1;;;0 ...". 0 OK:
/// nothing is stuck; 1 WARNING: something may be; 2 CRITICAL: something is; 3 UNKNOWN: could not tell.
Rendered to_nrpe(const Diagnosis& diagnosis, const Snapshot& snapshot);
/// The same when there is nothing to look at.
Rendered nrpe_failure(std::string_view message);
/// For node-problem-detector's custom plugins: at most 80 bytes that stay the same as long as the finding
/// does. 0 OK: nothing is stuck; 1 NonOK: something is; 2 Unknown: could not tell.
Rendered to_npd(const Diagnosis& diagnosis);
Rendered npd_failure(std::string_view message);

/// How the text is shown.
struct TextOptions {
  bool color = false;       ///< ANSI colours
  std::size_t width = 100;  ///< columns; lines are wrapped at blanks, a word that is longer stays whole
  bool verbose = false;     ///< all findings, evidence, victims and problems instead of what fits a screen
};

/// The diagnosis for a human in a hurry. Who could not tell says first what was missing for it. What foreign
/// data could do to a terminal is escaped.
std::string to_text(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options);

}  // namespace unzap
