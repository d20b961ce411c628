// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario_bounds.hpp"

#include <gtest/gtest.h>

#include "kernel/story/scenario.hpp"

namespace unzap::kernel {
namespace {

std::string times(std::size_t count, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

/// The place of the refusal, or "".
std::string refused_at(std::string_view text) {
  const auto error = refused_before_parsing(text, "s.toml");
  if (!error) return "";
  EXPECT_EQ(error->kind, ErrorKind::bad_data);
  EXPECT_FALSE(error->remedy.empty());
  return error->place;
}

TEST(ScenarioBounds, WhatGoesTooDeepIsRefusedWithItsPlace) {
  EXPECT_EQ(refused_at("x = 1\na" + times(50'000, ".a") + " = 1\n"), "s.toml:2:34");
  EXPECT_EQ(refused_at("[a" + times(20'000, " . \"b\"") + "]\n"), "s.toml:1:100");
  EXPECT_EQ(refused_at("x = " + times(100'000, "[")), "s.toml:1:21");
  EXPECT_EQ(refused_at("x = " + times(20'000, "{a=")), "s.toml:1:53");
  EXPECT_EQ(refused_at("x = " + times(20'000, "[\n")), "s.toml:17:1");
  EXPECT_EQ(refused_at(times(k_max_scenario_bytes + 1, "#")), "s.toml");
}

TEST(ScenarioBounds, StringsAndCommentsAreNoLevels) {
  for (const std::string& text :
       {"a = '" + times(100, "[") + "'", "a = \"\\\"" + times(100, "{.") + "\"",
        "# " + times(100, "[.{") + "\na = 1", "a = \"\"\"\n" + times(100, "[\n\"") + "\"\"\"",
        "a = '''" + times(100, "\n.''") + "'''''", "a = [" + times(100, "1.5, ") + "]",
        times(100, "[[a]]\nb = [[1], [2]]\n")})
    EXPECT_EQ(refused_at(text), "") << text;
}

TEST(ScenarioBounds, NothingHidesBehindAStringThatHasEnded) {
  const std::string deep = times(20, "[");
  for (const std::string& text :
       {"a = ''\nb = " + deep, "a = \"\"\"x\"\"\"\"\"\nb = " + deep, "a = '''x''''\nb = " + deep,
        "a = \"\\\\\"\nb = " + deep, "a = '\\'\nb = " + deep, "# \"\nb = " + deep})
    EXPECT_EQ(refused_at(text).substr(0, 9), "s.toml:2:") << text;
}

TEST(ScenarioBounds, TheReaderAsksFirst) {
  for (const std::string& text : {"a" + times(60'000, ".a") + " = 1", "a = " + times(100'000, "[")}) {
    const auto scenario = parse_scenario(text, "s.toml");
    ASSERT_FALSE(scenario);
    EXPECT_NE(scenario.error().message.find("levels"), std::string::npos) << scenario.error().text();
  }
}

}  // namespace
}  // namespace unzap::kernel
