// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/advice.hpp"

#include <gtest/gtest.h>

#include <string>

namespace unzap {
namespace {

constexpr const char* k_page = R"(# fuse-request

- an item outside the sections says nothing

## How it looks

1. not advice

## What would refute it

- the server answers
### The moon is full
- `/proc/<pid>/x` is 0

## What to collect next

- who spins: `dmesg | grep 'x  y'`

## What to do

- **wait**: Wait for the server (`kill -CONT <pid>`
  is harmless). *Risk: none.*

Words for the reader.

## References

- ptrace(2)
)";

TEST(Advice, IsWhatThePageLists) {
  const auto advice = parse_advice(k_page);
  ASSERT_TRUE(advice) << advice.error().text();
  const PageAdvice always = {{"the server answers"},
                             {"who spins: dmesg | grep 'x  y'"},
                             {{"wait", "Wait for the server (kill -CONT <pid> is harmless)"}},
                             {"ptrace(2)"}};
  const PageAdvice full_moon = {{"/proc/<pid>/x is 0"}, {}, {}, {}};
  EXPECT_EQ(advice->at(""), always);
  EXPECT_EQ(advice->at("The moon is full"), full_moon);
}

TEST(Advice, APageThatIsNotAsItShouldBeIsRefusedWithItsLine) {
  struct Row {
    const char* name;
    const char* instead_of;
    const char* with;
    int line;
  };
  const Row rows[] = {
      {"NoRisk", " *Risk: none.*", "", 21},
      {"NoId", "**wait**: ", "", 21},
      {"NoFullStop", "harmless). *Risk", "harmless) *Risk", 21},
      {"OpenCode", "<pid>`\n", "<pid>\n", 21},
      {"MarkOutsideOfCode", "the server answers", "the <server> answers", 11},
      {"NumberedList", "- ptrace(2)", "1. ptrace(2)", 28},
      {"TwiceTheSame", "## References", "## What to do", 26},
      {"SectionMissing", "## References", "## Reverences", 28},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    std::string page = k_page;
    page.replace(page.find(row.instead_of), std::string_view(row.instead_of).size(), row.with);
    const auto advice = parse_advice(page);
    ASSERT_FALSE(advice);
    EXPECT_EQ(advice.error().place, "line " + std::to_string(row.line));
  }
}

TEST(Advice, EveryPageCanBeReadAndSaysWhatWouldRefuteItAndWhatToDo) {
  for (const EmbeddedFile& page : cause_pages()) {
    SCOPED_TRACE(page.name);
    const auto advice = parse_advice(page.text);
    ASSERT_TRUE(advice) << advice.error().text();
    EXPECT_FALSE(advice->at("").refuted_by.empty()) << "a cause that nothing can refute is not accepted";
    EXPECT_FALSE(advice->at("").next_evidence.empty());
    EXPECT_FALSE(advice->at("").remedies.empty());
  }
}

}  // namespace
}  // namespace unzap
