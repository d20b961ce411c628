// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// The diagnosis as JSON, by docs/schema/diagnose.schema.json, with a final line feed. What is not known is
/// null, never 0. Bytes that are no UTF-8 are replaced (U+FFFD).
std::string to_json(const Diagnosis& diagnosis, const Snapshot& snapshot);

/// How the text is shown.
struct TextOptions {
  bool color = false;       ///< ANSI colours
  std::size_t width = 100;  ///< columns; lines are wrapped at blanks, a word that is longer stays whole
  bool verbose = false;     ///< all findings, evidence, victims and problems instead of what fits a screen
};

/// The diagnosis for a human in a hurry. What foreign data could do to a terminal is escaped.
std::string to_text(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options);

}  // namespace unzap
