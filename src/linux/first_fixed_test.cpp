// SPDX-License-Identifier: Apache-2.0
#include "linux/first_fixed.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace unzap {
namespace {

std::string page(const std::string& path) {
  std::ifstream in(std::string(UNZAP_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(in) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The line of the text in which `mark` stands first.
std::string line_of(const std::string& text, const std::string& mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

TEST(FirstFixed, ReleasesOfEachFix) {
  EXPECT_EQ(first_releases_with("fix-2024"), "5.10.221, 5.15.162, 6.1.95, 6.6.35, 6.9.6, 6.10");
  EXPECT_EQ(first_releases_with("fix-2026"), "6.1.191, 6.12.115");
  EXPECT_EQ(first_releases_with("fix-1999"), "");
}

TEST(FirstFixed, ThePagesSayWhatTheTableSays) {
  const std::string of_2024 = first_releases_with("fix-2024");
  const std::string stable_2024 = of_2024.substr(0, of_2024.rfind(", "));  // without mainline
  const std::string of_2026 = first_releases_with("fix-2026");
  std::string both = of_2026;
  both.replace(both.rfind(", "), 2, " and ");
  const std::string facts = page("docs/kernel-facts/README.md");
  EXPECT_NE(line_of(facts, "| 7fea700e04bd |").find(stable_2024), std::string::npos);
  EXPECT_NE(line_of(facts, "| 5c0985dd3c32 |").find(of_2026), std::string::npos);
  const std::string busy = page("docs/causes/reaper-busy-loop.md");
  EXPECT_NE(busy.find("Run a kernel with the fix: " + of_2024 + " or later"), std::string::npos);
  EXPECT_NE(busy.find("is in " + both), std::string::npos);
  const std::string second = page("docs/causes/reaper-second-loop-spin.md");
  EXPECT_NE(second.find("Upgrade to " + of_2026 + " or later"), std::string::npos);
  EXPECT_NE(second.find("5c0985dd3c32 (" + of_2026 + ")"), std::string::npos);
}

}  // namespace
}  // namespace unzap
