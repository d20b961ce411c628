// SPDX-License-Identifier: Apache-2.0
#include "explorer/index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

namespace unzap::explorer {
namespace {

/// Numbers for keys under the hash that each test gives them.
struct Keys {
  Index index;
  std::vector<std::uint64_t> keys = std::vector<std::uint64_t>(100000);
  std::atomic<std::uint32_t> count{0};

  explicit Keys(std::size_t capacity) : index(capacity) {}

  IndexEntry of(std::uint64_t hash, std::uint64_t key) {
    const auto equal = [&](std::uint32_t number) { return keys[number] == key; };
    const auto make = [&] {
      const std::uint32_t number = count++;
      keys[number] = key;
      return number;
    };
    return index.find_or_insert(hash, index.look(hash).slot, equal, make);
  }
  std::uint32_t find(std::uint64_t hash, std::uint64_t key) {
    return index.find(hash, [&](std::uint32_t number) { return keys[number] == key; });
  }
};

constexpr auto k_alone = [](std::size_t parts, const auto& job) {
  for (std::size_t part = 0; part < parts; ++part) job(part);
};

TEST(Index, KeysOfOneHashLieInLinesThatFollowEachOther) {
  for (const std::uint64_t hash : {0ULL, 0xffffffffULL, 0x8000000000000000ULL, 0xffffffffffffffffULL}) {
    SCOPED_TRACE(hash);
    Keys keys(80);
    for (std::uint64_t key = 0; key < 30; ++key) {
      const IndexEntry entry = keys.of(hash, key);
      EXPECT_TRUE(entry.is_new);
      EXPECT_EQ(entry.ref, key);
      EXPECT_EQ(entry.slot, (keys.index.home(hash) + key) % keys.index.capacity());
    }
    for (std::uint64_t key = 0; key < 30; ++key) {
      const IndexEntry again = keys.of(hash, key);
      EXPECT_FALSE(again.is_new || again.full);
      EXPECT_EQ(again.ref, key);
      EXPECT_EQ(keys.find(hash, key), key);
    }
    EXPECT_EQ(keys.find(hash, 30), Index::k_no_ref);
  }
}

TEST(Index, ALookStopsAtTheFirstSlotThatMayBeIt) {
  Keys keys(64);
  const auto hash = [](std::uint64_t tag) { return tag << 32; };  // small tags share the first line
  EXPECT_EQ(keys.index.look(hash(7)).slot, 0U);
  EXPECT_EQ(keys.index.look(hash(7)).guess, Index::k_no_ref);
  for (std::uint64_t tag = 1; tag <= 8; ++tag) keys.of(hash(tag), tag);
  EXPECT_EQ(keys.index.look(hash(7)).slot, 6U);
  EXPECT_EQ(keys.index.look(hash(7)).guess, 6U);
  EXPECT_EQ(keys.index.look(hash(9)).slot, 8U) << "nothing in the line: it goes on in the next";
  EXPECT_EQ(keys.index.look(hash(9)).guess, Index::k_no_ref);
  EXPECT_EQ(keys.of(hash(9), 9).slot, 8U);
}

TEST(Index, AFullTableSaysSoAndHasRoomAfterwards) {
  Keys keys(20);  // whole lines: 24
  std::uint64_t key = 0;
  while (!keys.of(key << 40, key).full) ++key;
  EXPECT_EQ(key, 24U);
  keys.index.rebuild(
      100, [](std::uint32_t number) { return number % 2 == 0; }, k_alone);
  EXPECT_EQ(keys.index.capacity(), 104U);
  for (std::uint64_t k = 0; k < 24; ++k) EXPECT_EQ(keys.find(k << 40, k), k % 2 == 0 ? k : Index::k_no_ref);
}

TEST(Index, OfThreadsThatInsertTheSameKeysOneIsFirst) {
  constexpr std::size_t k_keys = 20000, k_threads = 4;
  Keys keys(k_keys * 10 / 9);
  const auto hash = [](std::uint64_t key) {  // some share their high half, some all of it
    return (key / 3 * 0x9e3779b97f4a7c15ULL & ~std::uint64_t{0xffffffff}) | (key % 3 == 0);
  };
  std::vector<std::atomic<int>> firsts(k_keys);
  std::vector<std::vector<std::uint32_t>> refs(k_threads, std::vector<std::uint32_t>(k_keys));
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < k_threads; ++t)
      threads.emplace_back([&, t] {
        std::vector<std::uint64_t> order(k_keys);
        for (std::size_t i = 0; i < k_keys; ++i) order[i] = i;
        if (t % 2 == 1) std::shuffle(order.begin(), order.end(), std::mt19937(t));
        for (const std::uint64_t key : order) {
          const IndexEntry entry = keys.of(hash(key), key);
          refs[t][key] = entry.ref;
          firsts[key] += entry.is_new;
        }
      });
  }
  for (std::size_t key = 0; key < k_keys; ++key) {
    ASSERT_EQ(firsts[key], 1) << key;
    for (unsigned t = 0; t < k_threads; ++t) ASSERT_EQ(refs[t][key], keys.find(hash(key), key)) << key;
  }
}

}  // namespace
}  // namespace unzap::explorer
