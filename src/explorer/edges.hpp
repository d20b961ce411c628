// SPDX-License-Identifier: Apache-2.0
#pragma once

// A graph of tens of millions of states, in two bits a state for the parents and eleven bytes for the edges.
//
// The problem. To show a way to a state one needs its parent, and to find traps one needs every edge. As
// plain numbers that is 4 bytes a state for the parents, and 8 an edge for target and label: with the three
// to five edges of a kernel state more than 30 bytes, which is more than the states themselves take.
//
// Parents, the idea. A breadth-first search numbers states in the order in which they are discovered, and
// takes parents in the order of their numbers. So the children of a parent have numbers that follow each
// other, and come after those of every parent before it. It is enough to know how many children each parent
// has. Written in unary that is a one for each child and a zero to end the list, with a one in front for the
// initial state:
//
//   0 discovers 1 and 2, 1 discovers nothing, 2 discovers 3, 3 nothing
//
//   bits    1  1 1 0  0  1 0  0
//   state   0  1 2       3            which state a one stands for
//   list       of 0   1  of 2  3      whose list it is
//
// The parent of state i is the number of zeros before the one that stands for it: that many lists have ended.
// State 3 has its one at position 5, three ones lie before it, so two zeros do, and its parent is 2. There is
// a one and a zero for each state, hence two bits. To find the one that stands for state i without counting
// from the start, the position of every 512th is kept (64 bits for 512 states, another eighth of a bit), and
// from there whole words are counted by their population.
//
// Edges, the idea. They are written once, in order, and read in order, by sweeps over the whole graph. So
// they are a stream of bytes. Numbers are small where they are relative: a target is written as its distance
// back from the newest state, and a target that is discovered by this very edge is the newest, which is
// written as zero. Labels fit a byte: six bits for the actor, one for busy, one that says that another byte
// follows with the actor's new name (Symmetric). Numbers take seven bits a byte, the eighth says that more
// follow.
//
//   state 0 (newest: 1):  2 edges; label, 0 = the newest, so to 1; label, 0 = the newest, now 2
//   state 1 (newest: 3):  1 edge; label, 3 back from 3, so to 0
//
//   bytes    02 L 00 L 00   01 L 03
//
// Five numbers and three labels in eight bytes. On the kernel model it comes to 11 bytes a state
// (docs/performance.md).
//
// Random access. Every 16 states the place in the stream and the newest state at that place are kept, 12
// bytes; from there at most 15 states are read over. Sweeps from the last state to the first, which finding
// doomed states needs, unpack 16 states at a time (backwards).
//
// Many writers. A worker encodes the part of the stream that belongs to its parents as soon as their numbers
// are settled (search.hpp, part 4), because the newest state at the beginning of a chunk is known then. The
// parts are joined in order; for edges that is a copy, for parents a copy shifted by some bits.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "explorer/model.hpp"
#include "explorer/store.hpp"

namespace unzap::explorer {

/// A transition as it is kept: where it leads and who moved.
struct Edge {
  StateId to = k_no_state;
  Label label;
};

/// The parents of all states, the initial one included, which has none. About two bits a state: a one for the
/// initial state; then for each parent, in order, a one for every child and a zero. Of state i the parent is
/// the number of zeros before the one of that state.
class Parents {
 public:
  /// The children of consecutive parents, encoded by one worker.
  class Part {
   public:
    void clear() {
      words_.clear();
      bits_ = ones_ = 0;
    }
    /// The next parent has this many children.
    void add(std::size_t children) {
      const std::size_t end = bits_ + children;
      words_.resize(end / 64 + 1, 0);
      ones_ += children;
      while (bits_ < end) {
        const std::size_t ones = std::min(end - bits_, 64 - bits_ % 64);
        words_[bits_ / 64] |= ~std::uint64_t{0} >> (64 - ones) << (bits_ % 64);
        bits_ += ones;
      }
      ++bits_;
    }

   private:
    friend class Parents;
    std::vector<std::uint64_t> words_;
    std::size_t bits_ = 0, ones_ = 0;
  };

  void append(const Part& part) {
    const std::size_t first = (k_sample - size_ % k_sample) % k_sample;
    std::size_t sample = 0;
    for (std::size_t one = first; one < part.ones_; one += k_sample) {
      sample = find_one(part.words_, sample, one == first ? first : k_sample);
      samples_.push_back(bit_ + sample);
    }
    bits_.resize((bit_ + part.bits_) / 64 + 2, 0);
    std::uint64_t* to = &bits_[bit_ / 64];
    const std::size_t shift = bit_ % 64;
    for (const std::uint64_t word : part.words_) {
      *to++ |= word << shift;
      if (shift != 0) *to |= word >> (64 - shift);
    }
    bit_ += part.bits_;
    size_ += part.ones_;
  }
  StateId operator[](std::size_t i) const {
    if (i == 0) return k_no_state;
    return static_cast<StateId>(find_one(bits_, samples_[i / k_sample], i % k_sample) - i);
  }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return (bits_.capacity() + samples_.capacity()) * sizeof(std::uint64_t); }
  bool operator==(const Parents&) const = default;

 private:
  static constexpr std::size_t k_sample = 512;

  /// Where the one number `left` (from 0) is, from bit `from` on.
  static std::size_t find_one(const std::vector<std::uint64_t>& words, std::size_t from, std::size_t left) {
    std::size_t at = from / 64;
    std::uint64_t word = words[at] & (~std::uint64_t{0} << (from % 64));
    for (; left >= static_cast<std::size_t>(std::popcount(word)); word = words[++at])
      left -= static_cast<std::size_t>(std::popcount(word));
    for (; left > 0; --left) word &= word - 1;
    return at * 64 + static_cast<std::size_t>(std::countr_zero(word));
  }

  std::size_t bit_ = 1;  ///< the next to write
  std::size_t size_ = 1;
  std::vector<std::uint64_t> bits_{1}, samples_{0};  ///< samples: where every k_sample-th one is
};

/// The edges of all states, in order, as a stream of bytes: per state their number; per edge its label (one
/// byte, or two where the actor is renamed), and how far back it leads from the newest state, where 0 is the
/// next state discovered.
class EdgeList {
 public:
  /// Edges of consecutive states, encoded by one worker.
  class Part {
   public:
    /// `first`: the state whose edges come first. `newest`: the next state to be discovered.
    void begin(StateId first, StateId newest);
    /// The edges of the next state follow.
    void begin_state(std::size_t edges);
    void add(Label label, bool discovers, StateId to);

   private:
    friend class EdgeList;
    void put(std::uint64_t value);
    std::vector<std::uint8_t> bytes_;
    std::vector<std::uint64_t> starts_;  // of each block that begins here
    std::vector<StateId> newest_at_;
    StateId next_ = 0, newest_ = 0;
    std::size_t states_ = 0, edges_ = 0;
  };

  void append(const Part& part);

  /// Calls `visit(edge)` for each edge of state `from`, in the order of the model.
  template <class Visit>
  void of(StateId from, const Visit& visit) const {
    Reader reader = reader_at(from / k_block);
    for (std::size_t skip = from % k_block; skip > 0; --skip) reader.read_state([](const Edge&) {});
    reader.read_state(visit);
  }
  /// Calls `visit(from, edge)` for all edges, in order.
  template <class Visit>
  void all(const Visit& visit) const {
    if (states_ == 0) return;
    Reader reader = reader_at(0);
    for (std::size_t s = 0; s < states_; ++s)
      reader.read_state([&](const Edge& edge) { visit(static_cast<StateId>(s), edge); });
  }
  /// Calls `visit(from, its edges)` for all states from the last to the first.
  template <class Visit>
  void backwards(const Visit& visit) const {
    std::vector<Edge> edges;
    std::array<std::size_t, k_block + 1> first{};
    for (std::size_t block = starts_.size(); block-- > 0;) {
      const std::size_t count = std::min(k_block, states_ - block * k_block);
      Reader reader = reader_at(block);
      edges.clear();
      for (std::size_t i = 0; i < count; ++i) {
        reader.read_state([&](const Edge& edge) { edges.push_back(edge); });
        first[i + 1] = edges.size();
      }
      for (std::size_t i = count; i-- > 0;)
        visit(static_cast<StateId>(block * k_block + i), edges.data() + first[i],
              edges.data() + first[i + 1]);
    }
  }

  std::size_t states() const { return states_; }
  std::size_t size() const { return edges_; }
  std::size_t bytes() const {
    return bytes_.capacity() + starts_.capacity() * sizeof(std::uint64_t) +
           newest_at_.capacity() * sizeof(StateId);
  }
  bool operator==(const EdgeList&) const = default;

 private:
  static constexpr std::size_t k_block = 16;  // states between places where reading can begin

  class Reader {
   public:
    Reader(const std::uint8_t* at, StateId newest) : at_(at), newest_(newest) {}
    template <class Visit>
    void read_state(const Visit& visit) {
      for (std::uint64_t left = get(); left > 0; --left) {
        const std::uint8_t byte = *at_++;
        Label label{static_cast<std::uint8_t>(byte & k_no_actor), (byte & 0x80U) != 0};
        if ((byte & 0x40U) != 0) label.becomes = *at_++;
        const std::uint64_t back = get();
        const StateId to = back == 0 ? newest_++ : static_cast<StateId>(newest_ - back);
        visit(Edge{to, label});
      }
    }

   private:
    std::uint64_t get() {
      std::uint64_t value = *at_ & 0x7fU;
      for (unsigned shift = 7; (*at_++ & 0x80U) != 0; shift += 7)
        value |= static_cast<std::uint64_t>(*at_ & 0x7fU) << shift;
      return value;
    }
    const std::uint8_t* at_;
    StateId newest_;
  };
  Reader reader_at(std::size_t block) const { return {bytes_.data() + starts_[block], newest_at_[block]}; }

  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint64_t> starts_;
  std::vector<StateId> newest_at_;
  std::size_t states_ = 0, edges_ = 0;
};

}  // namespace unzap::explorer
