// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_image/verdict.hpp"
#include "report/diagnosis/report.hpp"

namespace unzap {

/// The answer about a kernel as JSON, by docs/schema/patched.schema.json, with a final line feed. What is not
/// known is null.
std::string patched_json(const KernelFacts& facts, const KernelAnswer& answer);

/// The answer for a human.
std::string patched_text(const KernelFacts& facts, const KernelAnswer& answer, const TextOptions& options);

}  // namespace unzap
