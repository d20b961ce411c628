// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/finding.hpp"
#include "report/json_text.hpp"

namespace unzap {

inline constexpr int k_finding_schema_version = 1;

/// A finding as docs/schema/diagnose.schema.json has it.
Json finding_json(const Finding& finding);

}  // namespace unzap
