// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/diagnosis/report.hpp"
#include "rescue/apply/apply.hpp"
#include "rescue/plan.hpp"

namespace unzap {

/// What `unzap rescue` answers.
struct RescueReport {
  Verdict verdict = Verdict::unknown;
  std::vector<Plan> plans;            ///< of all findings, in their order; of one finding the mildest first
  std::vector<std::size_t> asked;     ///< those that --cause and --task leave; the text shows no others
  std::optional<std::size_t> chosen;  ///< the plan that is applied, or that --apply would ask about
  std::optional<Applied> applied;     ///< nothing: nothing was tried
};

std::string to_text(const RescueReport& report, const TextOptions& options);
/// One plan in full, for somebody who is to say yes or no to it.
std::string to_text(const Plan& plan, const TextOptions& options);
/// What was seen of a condition; where it does not hold, what to do about it.
std::string seen_of(const Condition& condition);
/// By docs/schema/rescue.schema.json.
std::string to_json(const RescueReport& report);

}  // namespace unzap
