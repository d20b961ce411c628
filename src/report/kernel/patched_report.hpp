// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "diagnosis/finding.hpp"
#include "kernel_image/verdict.hpp"
#include "report/diagnosis/report.hpp"

namespace unzap {

/// The answer about a kernel as JSON, by docs/schema/patched.schema.json, with a final line feed. What is not
/// known is null.
std::string patched_json(const KernelFacts& facts, const KernelAnswer& answer);

/// The answer for a human.
std::string patched_text(const KernelFacts& facts, const KernelAnswer& answer, const TextOptions& options);

/// What the machine code of the running kernel adds to a finding of a spinning reaper; nothing when it could
/// not be read. The id is for the caller to set.
std::optional<Evidence> kernel_evidence(const KernelFacts& facts, const KernelAnswer& answer);

/// The answer in one sentence, as it stands first in the text and in the reports of other verbs.
std::string patched_headline(const KernelFacts& facts, const KernelAnswer& answer);

}  // namespace unzap
