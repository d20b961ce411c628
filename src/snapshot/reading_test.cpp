// SPDX-License-Identifier: Apache-2.0
#include "snapshot/reading.hpp"

#include <gtest/gtest.h>

#include "snapshot/task.hpp"

namespace unzap {
namespace {

TEST(Reading, AbsentEqualsNoValue) {
  const Reading<int> zero = 0;
  const Reading<int> refused = Absence::not_permitted;
  EXPECT_TRUE(zero.is(0));
  EXPECT_FALSE(refused.is(0));
  EXPECT_NE(zero, refused);
  EXPECT_EQ(*Reading<int>{}.absence(), Absence::not_asked);
}

TEST(Rate, NeedsTwoSamplesAtDifferentTimes) {
  Task task;
  EXPECT_FALSE(rate(task));
  task.samples = {{10.0, 'R', 5, 100, Reading<std::uint64_t>(7)},
                  {12.0, 'S', 5, 300, Reading<std::uint64_t>(7)}};
  const auto found = rate(task);
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->system_percent, 100);
  EXPECT_DOUBLE_EQ(found->user_percent, 0);
  EXPECT_TRUE(found->switches.is(0));
  task.samples[1].at_seconds = 10.0;
  EXPECT_FALSE(rate(task));
}

}  // namespace
}  // namespace unzap
