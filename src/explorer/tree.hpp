// SPDX-License-Identifier: Apache-2.0
#pragma once

// Large states folded into 8 bytes each, without loss.
//
// The problem. A step of the kernel changes a few bytes of the 590 that a state has: one task, perhaps a wait
// queue. To keep each state in full is to write down nearly the same thing millions of times.
//
// The idea. Cut a state into blocks and give each different block a number; the same block is kept once,
// however many states have it. Two numbers make a pair, which gets a number in the same way, pairs make
// pairs, and so on, until two numbers are left. These are the top: 8 bytes that stand for the whole state.
//
// An example, four blocks. A state (A B C D) becomes
//
//     A   B   C   D           blocks              #0 #1 #2 #3
//     (A C)   (B D)           pairs               #0 = (0,2)   #1 = (1,3)
//         top                                     (0,1)
//
// A step changes B to B'. Then A, C and D are found to be unchanged by a comparison with the parent's bytes,
// and so is (A C); new are the block B' = #4, the pair (4,3) = #2, and the top (0,2). Two lookups, instead of
// four blocks and two pairs. Of a kernel state, 16 blocks of a task's size each, a step that changes one task
// needs a block and three pairs; most of them exist already.
//
// Why it is exact. A number stands for one value: Numbers compares all bytes of a block, and both halves of a
// pair, before it says that two are the same. So by induction from the leaves equal numbers mean equal parts
// of states, and equal parts get equal numbers; two states are equal if and only if their tops are. unfold()
// goes the other way and gives back every byte.
//
// Why halves are paired across. A block is paired with the one half the state away, not with its neighbour.
// What changes most lies together (the tasks come first), and if all of it were in one half, that half would
// take on nearly as many values as there are states, and keep a pair for each. Spread over both halves, each
// takes on about the square root of that: a thousand values each can make up a million states.
//
// What it costs. Nothing for a part that has been seen. A new block is its bytes and a slot of its index, a
// new pair 8 bytes and a slot. On the kernel model all of it, the tops and the store's own index included,
// comes to about 26 bytes a state, and the folding takes a part of the time that would otherwise go into
// moving 590 bytes. Below 96 bytes it does not pay: at 70 it cost two thirds of the speed
// (docs/performance.md).
//
// Many at once. Numbers is filled like the store: values are written first, then the number goes into a
// lock-free index (index.hpp). Two threads that bring the same new block both write it, one gets the slot,
// and the other's number stays unused: a few bytes lost. A full index cannot grow in the middle of a round;
// the round is dropped and run again (search.hpp).

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "explorer/index.hpp"
#include "explorer/segments.hpp"
#include "util/assert.hpp"

namespace unzap::explorer {

/// Numbers for values: equal values have equal numbers, and a number tells its value. Many threads may ask
/// for numbers at once; growing is for one alone.
template <class Value>
class Numbers {
 public:
  /// Index::k_no_ref when there is no room.
  std::uint32_t of(const Value& value) {
    const auto equal = [&](std::uint32_t n) { return std::memcmp(&values_[n], &value, sizeof(Value)) == 0; };
    const auto make = [&] {  // a number that loses its slot to another thread stays unused
      const std::uint32_t n = count_.fetch_add(1, std::memory_order_relaxed);
      UNZAP_ASSERT(n < Index::k_no_ref - 64, "more than 2^32 different parts of states");
      values_.provide(n);
      values_[n] = value;
      return n;
    };
    const std::uint64_t hash = XXH3_64bits(&value, sizeof(Value));
    const IndexEntry entry = index_.find_or_insert(hash, index_.home(hash), equal, make);
    if (entry.full) full_.store(true, std::memory_order_relaxed);
    return entry.ref;
  }
  const Value& operator[](std::uint32_t number) const { return values_[number]; }

  /// Grows if it was full or will soon be.
  template <class Share>
  void make_room(const Share& share) {
    if (!full_ && count_ <= index_.capacity() / 10 * 8) return;
    full_ = false;
    index_.rebuild(
        index_.capacity() * 3 / 2, [](std::uint32_t) { return true; }, share);
  }
  std::size_t bytes() const { return count_ * sizeof(Value) + index_.bytes(); }

 private:
  Index index_{4096};
  Segments<Value> values_;
  std::atomic<std::uint32_t> count_{0};
  std::atomic<bool> full_{false};
};

/// Lossless compression of states that have much in common, by blocks of `block_bytes`. Equal states have
/// equal tops, and different ones different tops.
template <class State, std::size_t block_bytes>
class Tree {
  static constexpr std::size_t k_leaves = (sizeof(State) + block_bytes - 1) / block_bytes;
  static constexpr std::size_t count_nodes() {
    std::size_t sum = k_leaves;
    for (std::size_t level = k_leaves; level > 2;) sum += level = (level + 1) / 2;
    return sum;
  }

 public:
  /// The numbers of all blocks, of their pairs, and so on, of one state.
  using Nodes = std::array<std::uint32_t, count_nodes()>;

  /// The top of `state`. What it shares with `known`, whose nodes are `nodes`, needs no look-up. False: there
  /// is not room.
  bool fold(const State& state, const State* known, const Nodes& nodes, std::uint64_t& top) {
    Nodes mine;
    std::array<bool, count_nodes()> same;
    for (std::size_t i = 0; i < k_leaves; ++i) {
      same[i] = known && std::memcmp(part(state, i), part(*known, i), size_of(i)) == 0;
      mine[i] = nodes[i];
      if (same[i]) continue;
      Block block{};
      std::memcpy(block.data(), part(state, i), size_of(i));
      if ((mine[i] = blocks_.of(block)) == Index::k_no_ref) return false;
    }
    std::size_t below = 0, count = k_leaves;
    while (count > 2) {
      const std::size_t above = below + count;
      for (std::size_t i = 0; i < (count + 1) / 2; ++i) {
        const std::size_t left = below + i, right = left + (count + 1) / 2;
        const bool alone = right >= above;
        same[above + i] = same[left] && (alone || same[right]);
        if (same[above + i])
          mine[above + i] = nodes[above + i];
        else if (alone)
          mine[above + i] = mine[left];
        else if ((mine[above + i] = pairs_.of(pair(mine[left], mine[right]))) == Index::k_no_ref)
          return false;
      }
      below = above;
      count = (count + 1) / 2;
    }
    top = count == 2 ? pair(mine[below], mine[below + 1]) : mine[below];
    return true;
  }

  /// The state under `top`, and its nodes.
  void unfold(std::uint64_t top, State& state, Nodes& nodes) const {
    std::array<std::size_t, 8> counts{};
    std::size_t levels = 0, above = 0;
    for (std::size_t count = k_leaves;; count = (count + 1) / 2) {
      counts[levels++] = count;
      if (count <= 2) break;
      above += count;
    }
    nodes[above] = static_cast<std::uint32_t>(top);
    if (counts[levels - 1] == 2) nodes[above + 1] = static_cast<std::uint32_t>(top >> 32);
    for (std::size_t level = levels - 1; level-- > 0;) {
      const std::size_t below = above - counts[level];
      for (std::size_t i = 0; i < counts[level + 1]; ++i) {
        const std::size_t left = below + i, right = left + counts[level + 1];
        if (right >= above) {
          nodes[left] = nodes[above + i];
          continue;
        }
        const std::uint64_t both = pairs_[nodes[above + i]];
        nodes[left] = static_cast<std::uint32_t>(both);
        nodes[right] = static_cast<std::uint32_t>(both >> 32);
      }
      above = below;
    }
    auto* bytes = reinterpret_cast<std::byte*>(&state);
    for (std::size_t i = 0; i < k_leaves; ++i)
      std::memcpy(bytes + i * block_bytes, blocks_[nodes[i]].data(), size_of(i));
  }

  /// Alone: grows what is full or will soon be.
  template <class Share>
  void make_room(const Share& share) {
    blocks_.make_room(share);
    pairs_.make_room(share);
  }
  std::size_t bytes() const { return blocks_.bytes() + pairs_.bytes(); }

 private:
  using Block = std::array<std::byte, block_bytes>;

  static constexpr std::size_t size_of(std::size_t leaf) {
    return std::min(block_bytes, sizeof(State) - leaf * block_bytes);
  }
  static const std::byte* part(const State& state, std::size_t leaf) {
    return reinterpret_cast<const std::byte*>(&state) + leaf * block_bytes;
  }
  static std::uint64_t pair(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::uint64_t>(right) << 32 | left;
  }

  Numbers<Block> blocks_;
  Numbers<std::uint64_t> pairs_;
};

/// Stands in for Tree where states are too small to be worth it.
struct NoTree {
  struct Nodes {};
  template <class Share>
  void make_room(const Share&) {}
  std::size_t bytes() const { return 0; }
};

}  // namespace unzap::explorer
