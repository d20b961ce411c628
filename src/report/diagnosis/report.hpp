// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// The diagnosis as JSON, by docs/schema/diagnose.schema.json, with a final line feed. What is not known is
/// null, never 0. Bytes that are no UTF-8 are replaced (U+FFFD).
std::string to_json(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// The diagnosis as lines of JSON, by docs/schema/diagnose-lines.schema.json: one with the verdict, then one
/// for each finding.
std::string to_jsonl(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// Who waits for whom, as a graph for Graphviz: all edges of the wait-for graph, or, of a large one, those
/// around the findings. Culprits are red, victims orange; what was not seen but follows is dashed.
std::string to_dot(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// A line for a program that runs plugins, and the exit code that goes with it.
struct PluginLine {
  std::string text;  ///< ASCII, with its line feed
  int exit_code = 0;
};
/// For Nagios, NRPE and Icinga: "UNZAP CRITICAL - cause (confidence): summary | findings=1;;;0 ...". 0 OK:
/// nothing is stuck; 1 WARNING: something may be; 2 CRITICAL: something is; 3 UNKNOWN: could not tell.
PluginLine to_nrpe(const Diagnosis& diagnosis, const Snapshot& snapshot);
/// The same when there is nothing to look at.
PluginLine nrpe_failure(std::string_view message);
/// For node-problem-detector's custom plugins: at most 80 bytes that stay the same as long as the finding
/// does. 0 OK: nothing is stuck; 1 NonOK: something is; 2 Unknown: could not tell.
PluginLine to_npd(const Diagnosis& diagnosis);
PluginLine npd_failure(std::string_view message);

/// How the text is shown.
struct TextOptions {
  bool color = false;       ///< ANSI colours
  std::size_t width = 100;  ///< columns; lines are wrapped at blanks, a word that is longer stays whole
  bool verbose = false;     ///< all findings, evidence, victims and problems instead of what fits a screen
};

/// The diagnosis for a human in a hurry. What foreign data could do to a terminal is escaped.
std::string to_text(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options);

}  // namespace unzap
