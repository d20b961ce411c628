// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "check/simulate.hpp"
#include "report/check/check_report.hpp"

namespace unzap {

/// What random schedules came to, and the shortest way into a lockup as a timeline.
std::string simulate_to_text(const SimulateReport& report, const CheckTextOptions& options);
/// The JSON of `unzap simulate`, by docs/schema/simulate.schema.json.
std::string simulate_to_json(const SimulateReport& report);

}  // namespace unzap
