// SPDX-License-Identifier: Apache-2.0
#include "check/check.hpp"

#include <chrono>

#include "check/counterexample.hpp"
#include "check/judge.hpp"
#include "kernel/machine/partial_order.hpp"
#include "kernel/story/setup.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

/// What the search takes for the same, in words.
std::vector<std::string> reductions_of(const kernel::Machine& machine, const CheckRequest& request) {
  std::vector<std::string> out;
  if (request.symmetry) {
    const auto [cpus, containers, workers] = machine.symmetry().sizes();
    std::string like = std::to_string(cpus) + (cpus == 1 ? " CPU" : " CPUs");
    if (containers > 1) like += ", " + std::to_string(containers) + " like containers";
    if (workers > 1) like += ", " + std::to_string(workers) + " like workers";
    out.push_back("symmetry (" + like + ")");
  }
  if (request.partial_order) out.emplace_back("partial order");
  return out;
}

}  // namespace

std::string_view name(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return "proved";
    case CheckVerdict::lockup: return "lockup";
    case CheckVerdict::busy_wait: return "busy-wait";
    case CheckVerdict::inconclusive: return "inconclusive";
    case CheckVerdict::broken: return "broken";
  }
  return "?";
}

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

std::string why_not_reducible(const CheckRequest& request) {
  if (!request.partial_order) return "";
  return kernel::why_not_partly_ordered(
      kernel::make_config(request.scenario, request.variant, request.preempt));
}

CheckReport check(const CheckRequest& request, const explorer::Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  UNZAP_ASSERT(why_not_reducible(request).empty(), "a reduction that is not sound here: {}",
               why_not_reducible(request));
  CheckReport report;
  const kernel::Machine machine(request.scenario, request.variant, request.preempt);
  describe_request(request, machine, report);
  report.bytes_per_state = sizeof(kernel::State);
  report.workers = request.workers;
  report.compact = request.compact;
  report.reductions = reductions_of(machine, request);
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
