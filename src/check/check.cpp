// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"

#include <chrono>

#include "check/judge.hpp"
#include "kernel/machine/partial_order.hpp"
#include "kernel/story/cast.hpp"
#include "util/assert.hpp"

namespace unzap {
int exit_code(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return 0;
    case CheckVerdict::lockup: return 13;
    case CheckVerdict::busy_wait: return 14;
    case CheckVerdict::inconclusive: return 5;
    case CheckVerdict::broken: return k_exit_internal;
  }
  return k_exit_internal;
}

kernel::Machine machine_of(const CheckRequest& request) {
  return {request.scenario, request.variant, request.preempt};
}

std::string why_not_reducible(const CheckRequest& request) {
  if (!request.partial_order) return "";
  return kernel::why_not_partly_ordered(
      kernel::make_config(request.scenario, request.variant, request.preempt));
}

CheckReport check(const CheckRequest& request, const explorer::Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  UNZAP_ASSERT(why_not_reducible(request).empty(), "a reduction that is not sound here: {}",
               why_not_reducible(request));
  CheckReport report{.asked = request};
  const kernel::Machine machine = machine_of(request);
  report.bytes_per_state = sizeof(kernel::State);
  if (request.symmetry) report.alike = machine.symmetry().sizes();
  const Ordered ordered(machine, request.limits.invariants);
  if (request.symmetry && request.partial_order)
    judge(explorer::Symmetric(ordered), request, watch, report);
  else if (request.symmetry)
    judge(explorer::Symmetric(machine), request, watch, report);
  else if (request.partial_order)
    judge(ordered, request, watch, report);
  else
    judge(machine, request, watch, report);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace unzap
