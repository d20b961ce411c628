// SPDX-License-Identifier: Apache-2.0
#include "sources/text/stacks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  const char* input;
  const char* expected;
};

constexpr Row k_titles[] = {
    {"number", "2161", "2161 ''"},
    {"rule", "===1015===", "1015 ''"},
    {"word", "PID: 77", "77 ''"},
    {"thread", "--- thread 77 ---", "77 ''"},
    {"name in front", "java[77]", "77 'java'"},
    {"name with a blank", "npm start (306207):", "306207 'npm start'"},
    {"name behind", "2161 kvm-nx-lpage-re", "2161 'kvm-nx-lpage-re'"},
    {"sentence", "I waited for 5 minutes and saw nothing", "none"},
    {"size", "total 0", "none"},
    {"release", "Ubuntu 22.04", "none"},
    {"minutes", "5 minutes later", "none"},
    {"clock", "at 12:30", "none"},
    {"hexadecimal", "0x77", "none"},
    {"zero", "0", "none"},
    {"too large", "99999999999", "none"},
    {"empty", "", "none"},
};

TEST(ParseTitle, Rows) {
  for (const Row& row : k_titles) {
    SCOPED_TRACE(row.name);
    const Title title = parse_title(row.input);
    EXPECT_EQ(title.tid ? fmt::format("{} '{}'", *title.tid, title.comm) : std::string("none"), row.expected);
  }
}

}  // namespace
}  // namespace unzap::text
