// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/diagnosis/report.hpp"
#include "risk/risk.hpp"

namespace unzap {

/// The risk of a node as JSON, by docs/schema/risk.schema.json, with a final line feed.
std::string risk_json(const RiskReport& report);

/// The risk of a node for a human; containers that cannot do anything are counted unless `verbose`.
std::string risk_text(const RiskReport& report, const TextOptions& options);

}  // namespace unzap
