// SPDX-License-Identifier: Apache-2.0
// Every scenario, with and without each reduction: the same verdict.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "check/check.hpp"

namespace unzap {
namespace {

// Under a sanitizer a search takes ten times as long, and finds no other states: there each verdict of a
// scenario is asked for once.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool k_sanitized = true;
#else
constexpr bool k_sanitized = false;
#endif
#else
constexpr bool k_sanitized = false;
#endif

struct Asked {
  bool symmetry, partial_order;
};

/// Which tasks are in which state, whatever like tasks are called.
std::multiset<TaskFate> fates_of(const CheckReport& report) {
  std::multiset<TaskFate> out;
  for (const CheckTask& task : report.counterexample->tasks) out.insert(task.fate);
  return out;
}

/// `verdict`: what the scenario says, and another test finds without reductions. `each`: also by one
/// reduction alone.
void expect_same_answer(const CheckRequest& request, const std::string& verdict, bool each) {
  for (const Asked asked : {Asked{true, true}, Asked{true, false}, Asked{false, true}}) {
    if (!each && asked.symmetry != asked.partial_order) continue;
    SCOPED_TRACE(testing::Message() << "symmetry " << asked.symmetry << ", partial order "
                                    << asked.partial_order);
    CheckRequest reduced = request;
    reduced.symmetry = asked.symmetry;
    reduced.partial_order = asked.partial_order;
    reduced.limits.invariants = true;
    if (!why_not_reducible(reduced).empty()) reduced.partial_order = false;
    if (!reduced.symmetry && !reduced.partial_order) continue;
    const CheckReport report = check(reduced);
    EXPECT_EQ(name(report.verdict), verdict);
    EXPECT_EQ(report.counterexample && report.counterexample->replayed, verdict != "proved");
    EXPECT_EQ(report.traps > 0, verdict == "lockup");
    EXPECT_EQ(report.alike[0] > 0, reduced.symmetry);
    if (verdict != "lockup") continue;
    ASSERT_TRUE(report.counterexample);
    EXPECT_TRUE(report.counterexample->minimal);
    EXPECT_TRUE(report.counterexample->fatal_exact);
    EXPECT_LE(report.counterexample->fatal_step, report.counterexample->stem.size());
  }
}

TEST(Reductions, EveryScenarioHasTheSameVerdictWithEach) {
  std::size_t asked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    const auto scenario = kernel::load_scenario(entry.path().string());
    ASSERT_TRUE(scenario) << scenario.error().text();
    std::set<std::string> seen;
    for (const kernel::Expectation& expected : scenario->expectations) {
      SCOPED_TRACE(scenario->name + " " + expected.kernel + " " + expected.preempt);
      CheckRequest request;
      request.scenario = *scenario;
      request.kernel = expected.kernel;
      request.variant = kernel::find_kernel(expected.kernel)->variant;
      for (const std::string& name : expected.with) request.variant.set(*kernel::find_switch(name), true);
      for (const std::string& name : expected.without) request.variant.set(*kernel::find_switch(name), false);
      request.preempt = *kernel::parse_preempt(expected.preempt);
      const bool is_first = seen.insert(expected.verdict).second;
      if (k_sanitized && !is_first) continue;
      expect_same_answer(request, expected.verdict, is_first && !k_sanitized);
      ++asked;
    }
  }
  EXPECT_GT(asked, k_sanitized ? 40U : 80U);
}

TEST(Reductions, WhereOneWouldNotBeSoundItIsRefused) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/injected-zombie.toml");
  ASSERT_TRUE(scenario);
  CheckRequest request{*scenario, "v6.1.192", kernel::find_kernel("v6.1.192")->variant};
  request.symmetry = true;
  EXPECT_EQ(why_not_reducible(request), "");
  request.partial_order = true;
  EXPECT_NE(why_not_reducible(request).find("outside"), std::string::npos) << why_not_reducible(request);
}

std::string fatal_function(const CheckReport& report) {
  const Counterexample& way = *report.counterexample;
  if (way.fatal_step < 2) return "doomed from the start";
  const kernel::State& before = way.stem[way.fatal_step - 2].state;
  return std::string(machine_of(report.asked).describe(before, way.stem[way.fatal_step - 1].action).function);
}

TEST(Reductions, TheWayIsShownInFullUnderItsOwnNames) {
  const auto scenario = kernel::load_scenario(UNZAP_SOURCE_DIR "/scenarios/npm-zombie.toml");
  ASSERT_TRUE(scenario);
  CheckRequest request{*scenario, "v5.15.160", kernel::find_kernel("v5.15.160")->variant};
  const CheckReport plain = check(request);
  request.symmetry = request.partial_order = true;
  const CheckReport reduced = check(request);
  EXPECT_LT(reduced.figures.states * 3, plain.figures.states * 2);
  ASSERT_TRUE(plain.counterexample && reduced.counterexample);
  EXPECT_EQ(reduced.counterexample->trap_states, plain.counterexample->trap_states);
  EXPECT_EQ(fates_of(reduced), fates_of(plain));
  EXPECT_EQ(fatal_function(reduced), "exit_notify");
  EXPECT_EQ(fatal_function(plain), "exit_notify");
}

}  // namespace
}  // namespace unzap
