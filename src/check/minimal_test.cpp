// SPDX-License-Identifier: Apache-2.0
// The counterexample of every lockup of scenarios/ is 1-minimal: it is run again without each single step.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "check/check.hpp"
#include "check/counterexample.hpp"
#include "check/trap.hpp"
#include "explorer/shrink.hpp"

namespace unzap {
namespace {

using kernel::Machine;

constexpr std::size_t k_max_states = 150'000;

/// The digests of all states that lie in a trap, from an exploration of everything.
std::vector<std::uint64_t> trapped_states(const Machine& machine) {
  std::vector<std::uint64_t> out;
  const auto found = explorer::explore(machine);
  for (const explorer::Trap& trap : explorer::analyse(found.graph).traps)
    for (const explorer::StateId id : trap.states) out.push_back(digest_of(found.store[id]));
  std::sort(out.begin(), out.end());
  return out;
}

void expect_minimal(const Machine& machine, const Counterexample& found) {
  const std::vector<std::uint64_t> trapped = trapped_states(machine);
  const auto leads_into_trap = [&](const std::vector<kernel::Action>& way) {
    const auto steps = explorer::run_actions(machine, machine.initial(), way);
    const auto end = steps && !steps->empty() ? steps->back().state : machine.initial();
    return steps && std::binary_search(trapped.begin(), trapped.end(), digest_of(end));
  };
  std::vector<kernel::Action> way;
  for (const auto& step : found.stem) way.push_back(step.action);
  EXPECT_TRUE(leads_into_trap(way));
  for (std::size_t i = 0; i < way.size(); ++i) {
    std::vector<kernel::Action> rest = way;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(leads_into_trap(rest)) << "step " << i + 1 << " is not needed";
  }
}

TEST(Minimal, NoStepOfAnyScenariosLockupCanBeLeftOut) {
  std::size_t looked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    const auto scenario = kernel::load_scenario(entry.path().string());
    ASSERT_TRUE(scenario);
    for (const kernel::Expectation& expected : scenario->expectations) {
      if (expected.verdict != "lockup") continue;
      SCOPED_TRACE(scenario->name + " " + expected.kernel + " " + expected.preempt);
      kernel::Variant variant = kernel::find_kernel(expected.kernel)->variant;
      for (const std::string& one : expected.with) variant.set(*kernel::find_switch(one), true);
      for (const std::string& one : expected.without) variant.set(*kernel::find_switch(one), false);
      const auto preempt = *kernel::parse_preempt(expected.preempt);
      const CheckReport report = check({.scenario = *scenario,
                                        .kernel = expected.kernel,
                                        .variant = variant,
                                        .preempt = preempt,
                                        .limits = {.max_states = k_max_states}});
      if (report.stop != explorer::Stop::complete) continue;  // too large to be looked at as a whole here
      ASSERT_TRUE(report.counterexample);
      EXPECT_TRUE(report.counterexample->minimal);
      expect_minimal(Machine(*scenario, variant, preempt), *report.counterexample);
      ++looked;
    }
  }
  EXPECT_GT(looked, 10U);
}

/// A way that wanders about is cut to one that does not, and what is told is of the trap that it ends in.
TEST(Minimal, ALongWayIsCut) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/npm-zombie.toml");
  const kernel::Variant variant = kernel::find_kernel("v5.15.160")->variant;
  const CheckRequest request{.scenario = *scenario, .kernel = "v5.15.160", .variant = variant};
  const Machine machine = machine_of(request);
  const Counterexample shortest = *check(request).counterexample;

  Steps longer = shortest.stem;  // round the loop twice before it is said to begin
  for (int i = 0; i < 2; ++i) longer.insert(longer.end(), shortest.loop.begin(), shortest.loop.end());
  const Counterexample cut = lockup_of(machine, longer);
  EXPECT_TRUE(cut.minimal);
  EXPECT_TRUE(cut.replayed);
  EXPECT_EQ(cut.stem.size(), shortest.stem.size());
  EXPECT_EQ(cut.loop.size(), shortest.loop.size());
  EXPECT_EQ(cut.fatal_step, shortest.fatal_step);
  EXPECT_TRUE(cut.fatal_exact);
  EXPECT_EQ(cut.trap_states, shortest.trap_states);
  EXPECT_EQ(cut.tasks.size(), shortest.tasks.size());
  expect_minimal(machine, cut);
}

}  // namespace
}  // namespace unzap
