// SPDX-License-Identifier: Apache-2.0
#include "util/run_apart.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace unzap {
namespace {

TEST(RunApart, returns_what_the_other_process_made) {
  const pid_t self = ::getpid();
  const Result<std::string> text = run_apart(
      "work", [self] { return std::string(::getpid() == self ? "" : std::string(200000, 'x')); }, 30,
      1 << 20);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, std::string(200000, 'x'));
}

struct BadRow {
  const char* name;
  std::string (*work)();
  const char* message;
};
const BadRow k_bad[] = {
    {"blocks",
     [] {
       ::pause();
       return std::string();
     },
     "work did not come back in time"},
    {"throws", []() -> std::string { throw std::runtime_error("x"); }, "work failed"},
    {"dies", []() -> std::string { std::abort(); }, "work failed"},
    {"too much", [] { return std::string(2000, 'x'); }, "work gave too much"},
};

TEST(RunApart, says_what_went_wrong) {
  for (const BadRow& row : k_bad) {
    SCOPED_TRACE(row.name);
    const double seconds = std::string_view(row.name) == "blocks" ? 0.1 : 30;
    const Result<std::string> text = run_apart("work", row.work, seconds, 1000);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().message, row.message);
  }
}

}  // namespace
}  // namespace unzap
