// SPDX-License-Identifier: Apache-2.0
#include "check/judge_any.hpp"

namespace unzap {

void judge(const explorer::Symmetric<Ordered>& model, const CheckRequest& request,
           const explorer::Watch& watch, CheckReport& report) {
  judge_any(model, request, watch, report);
}

}  // namespace unzap
