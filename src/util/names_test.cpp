// SPDX-License-Identifier: Apache-2.0
#include "util/names.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace unzap {

enum class Fruit : std::uint8_t { apple, pear };
constexpr auto names_of(Fruit) {
  return name_table<Fruit>({{Fruit::apple, "apple"}, {Fruit::pear, "pear"}});
}
enum class Mute : std::uint8_t { a };

namespace {

TEST(Names, BothDirections) {
  static_assert(name(Fruit::pear) == "pear");
  static_assert(from_name<Fruit>("pear") == Fruit::pear);
  EXPECT_EQ(from_name<Fruit>("plum"), std::nullopt);
  EXPECT_EQ(from_name<Fruit>(""), std::nullopt);
  EXPECT_EQ(name(static_cast<Fruit>(7)), "?");
}

TEST(Names, AnEnumeratorIsToldFromANumber) {
  static_assert(is_enumerator<Fruit, Fruit::pear>());
  static_assert(!is_enumerator<Fruit, static_cast<Fruit>(2)>());
  static_assert(HasNames<Fruit>);
  static_assert(!HasNames<Mute>);
}

}  // namespace
}  // namespace unzap
