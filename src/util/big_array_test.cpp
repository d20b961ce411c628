// SPDX-License-Identifier: Apache-2.0
#include "util/big_array.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <new>

namespace unzap {
namespace {

TEST(BigArray, StartsAsZerosSmallOrLarge) {
  for (const std::size_t size : {0UL, 1UL, 1000UL, 8192UL, 100000UL, 3UL << 20}) {
    BigArray<std::uint64_t> array(size);
    ASSERT_EQ(array.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 64, 0U) << "a cache line begins here";
    for (std::size_t i = 0; i < size; i += 509) ASSERT_EQ(array[i], 0U) << i;
    if (size > 0) array[size - 1] = 7;
  }
}

TEST(BigArray, LargeOnesBeginWhereAHugePageCan) {
  BigArray<std::uint8_t> array(std::size_t{5} << 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % (std::uintptr_t{2} << 20), 0U);
}

TEST(BigArray, MovesWithoutACopy) {
  BigArray<int> one(10);
  one[3] = 5;
  const int* const where = one.data();
  BigArray<int> other(std::move(one));
  EXPECT_EQ(other.data(), where);
  EXPECT_EQ(other[3], 5);
  one = std::move(other);
  EXPECT_EQ(one[3], 5);
}

TEST(BigArray, SaysSoWhenThereIsNoMemory) {
  EXPECT_THROW(BigArray<std::uint8_t>(std::size_t{1} << 60), std::bad_alloc);
}

}  // namespace
}  // namespace unzap
