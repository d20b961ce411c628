// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/report.hpp"
#include "rescue/apply/apply.hpp"
#include "rescue/plan.hpp"

namespace unzap {

/// What `unzap rescue` answers.
struct RescueReport {
  Verdict verdict = Verdict::unknown;
  std::vector<Plan> plans;            ///< one for each finding, in their order
  std::optional<std::size_t> chosen;  ///< the plan that --apply takes; nothing: none has an action
  std::optional<Applied> applied;     ///< nothing: nothing was done
};

std::string to_text(const RescueReport& report, const TextOptions& options);
/// By docs/schema/rescue.schema.json.
std::string to_json(const RescueReport& report);

}  // namespace unzap
