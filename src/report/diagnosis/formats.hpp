// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/diagnosis/changes.hpp"
#include "report/diagnosis/report.hpp"

namespace unzap {

/// One way to write a diagnosis: what `unzap diagnose --format` takes. A new one is a row in formats.cpp and
/// a source with its function.
struct DiagnosisFormat {
  std::string_view name;  ///< "jsonl"
  std::string_view help;  ///< one line, for --help
  Rendered (*render)(const Diagnosis&, const Snapshot&, const TextOptions&);
  /// When there is nothing to look at; null: that is said on standard error, as by every verb.
  Rendered (*render_failure)(std::string_view message) = nullptr;
  /// What --watch writes after each look; null: it cannot be written piece by piece.
  std::string (*render_changes)(const std::vector<Change>&, std::optional<Verdict>,
                                std::int64_t now) = nullptr;
  bool colored = false;  ///< it may hold ANSI colours
};

/// All of them; the first is what is written when nobody asks for another.
const std::vector<DiagnosisFormat>& diagnosis_formats();
/// The one of this name, or nullptr.
const DiagnosisFormat* diagnosis_format(std::string_view name);

}  // namespace unzap
