// SPDX-License-Identifier: Apache-2.0
// Every file in scenarios/ says what a check of it should answer, and a check does answer that, without any
// state that breaks an invariant of the model.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "check/check.hpp"

namespace unzap {
namespace {

std::vector<std::filesystem::path> scenario_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/scenarios"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Scenarios, AnswerAsTheySay) {
  const auto files = scenario_files();
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename().string());
    const auto scenario = kernel::load_scenario(file.string());
    ASSERT_TRUE(scenario) << scenario.error().text();
    EXPECT_EQ(scenario->name, file.stem().string());
    EXPECT_FALSE(scenario->expectations.empty());
    for (const kernel::Expectation& expected : scenario->expectations) {
      SCOPED_TRACE(expected.kernel + ", preempt " + expected.preempt);
      kernel::Variant variant = kernel::find_kernel(expected.kernel)->variant;
      for (const std::string& one : expected.with) variant.set(*kernel::find_switch(one), true);
      for (const std::string& one : expected.without) variant.set(*kernel::find_switch(one), false);
      const auto report = check({*scenario,
                                 expected.kernel,
                                 variant,
                                 *kernel::parse_preempt(expected.preempt),
                                 {.invariants = true}});
      EXPECT_EQ(name(report.verdict), expected.verdict);
    }
  }
}

}  // namespace
}  // namespace unzap
