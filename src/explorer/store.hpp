// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <xxhash.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "explorer/index.hpp"
#include "explorer/segments.hpp"
#include "util/assert.hpp"

namespace unzap::explorer {

/// Index of a state in the order of its discovery; a breadth-first search numbers by distance.
using StateId = std::uint32_t;
inline constexpr StateId k_no_state = 0xffffffff;

/// A state on its way into the store: what has to be known of it to look it up.
template <class State>
struct Lookup {
  State state;
  std::uint64_t hash;
  std::uint64_t claim;  ///< where it comes from in the sequential order: the smallest claim discovers it
};

/// A set of exact states, each under a number. Nothing is ever lost or merged: equality is that of all bytes,
/// the hash only finds the place.
///
/// Several workers look states up at once. A state that is new gets a provisional number, which depends on
/// who came first; when all are through, the caller gives final numbers in an order of its own (`settle`).
template <class State>
class Store {
 public:
  using Ref = std::uint32_t;  ///< a StateId, or a provisional number

  /// A state found since the last round was settled.
  struct Found {
    State state;
    std::uint64_t claim;  ///< the smallest of all lookups that came upon it
    std::size_t slot;
    std::uint32_t witnesses;
    StateId id;  ///< once settled
    bool goal;
  };

  explicit Store(unsigned workers) : index_(k_first_capacity), found_(workers) {
    UNZAP_ASSERT(workers >= 1 && workers <= k_max_workers, "{} workers", workers);
  }

  static constexpr unsigned k_max_workers = 63;
  static constexpr bool provisional(Ref ref) { return (ref & k_provisional) != 0; }

  /// Fills in the hash of `lookup.state` and has its place fetched.
  void prepare(Lookup<State>& lookup) const {
    lookup.hash = hash_of(lookup.state);
    index_.prefetch(lookup.hash);
  }
  /// Has the state fetched that `lookup` will probably be compared with.
  void fetch(const Lookup<State>& lookup) {
    const Ref ref = index_.guess(lookup.hash);
    if (ref != Index::k_no_ref && !provisional(ref)) __builtin_prefetch(&states_[ref]);
  }

  /// The number of the state; for a new one, `describe(found)` fills in goal and witnesses. Index::k_no_ref:
  /// there is no room; the round must be dropped.
  template <class Describe>
  Ref find_or_add(unsigned worker, const Lookup<State>& lookup, const Describe& describe) {
    Mine& mine = found_[worker];
    const auto equal = [&](Ref ref) {
      const State& other = provisional(ref) ? found(ref).state : states_[ref];
      return std::memcmp(&other, &lookup.state, sizeof(State)) == 0;
    };
    const auto make = [&] {
      UNZAP_ASSERT(mine.count <= k_position, "one worker found more than {} states in one round", k_position);
      mine.states.provide(mine.count);
      Found& fresh = mine.states[mine.count];
      fresh.state = lookup.state;
      fresh.claim = lookup.claim;
      describe(fresh);
      return k_provisional | worker << k_position_bits | static_cast<Ref>(mine.count);
    };
    const IndexEntry entry = index_.find_or_insert(lookup.hash, equal, make);
    if (entry.full) return Index::k_no_ref;
    if (entry.is_new) {
      mine.states[mine.count++].slot = entry.slot;
    } else if (provisional(entry.ref)) {
      std::atomic_ref<std::uint64_t> claim(found(entry.ref).claim);
      std::uint64_t least = claim.load(std::memory_order_relaxed);
      while (lookup.claim < least &&
             !claim.compare_exchange_weak(least, lookup.claim, std::memory_order_relaxed)) {
      }
    }
    return entry.ref;
  }

  /// What is known of a provisional number.
  Found& found(Ref ref) { return found_[(ref & ~k_provisional) >> k_position_bits].states[ref & k_position]; }

  // Between rounds, alone.

  /// Makes room for about `expected` more states.
  void make_room(std::size_t expected) {
    while (size_ + expected > index_.capacity() / 4 * 3) grow();
  }
  /// Forgets the round: what was found since the last is gone, and there is more room.
  void drop_round() {
    grow();
    for (Mine& mine : found_) mine.count = 0;
  }
  /// Begins the numbering of `fresh` found states, which get the next ids.
  void begin_settling(std::size_t fresh) {
    UNZAP_ASSERT(size_ + fresh < k_provisional, "more than 2^31 states in one store");
    states_.provide(size_, size_ + fresh);
  }
  /// Gives a found state its id; different workers may settle different states at once.
  void settle(Found& one, StateId id) {
    one.id = id;
    states_[id] = one.state;
    index_.renumber(one.slot, id);
  }
  void end_settling(std::size_t fresh) {
    size_ += fresh;
    for (Mine& mine : found_) mine.count = 0;
  }

  State operator[](StateId id) const { return states_[id]; }
  std::size_t size() const { return size_; }
  /// Bytes held, the table included.
  std::size_t bytes() const { return size_ * sizeof(State) + index_.bytes(); }

 private:
  static constexpr std::size_t k_first_capacity = 4096;
  static constexpr Ref k_provisional = Ref{1} << 31;
  static constexpr unsigned k_position_bits = 25;
  static constexpr Ref k_position = (Ref{1} << k_position_bits) - 1;

  /// What one worker found in this round.
  struct Mine {
    Segments<Found> states;
    std::size_t count = 0;
  };

  static std::uint64_t hash_of(const State& state) { return XXH3_64bits(&state, sizeof(State)); }

  void grow() {
    index_.rebuild(index_.capacity() * 2, [this](Ref ref, std::uint32_t, std::uint64_t& hash) {
      if (provisional(ref)) return false;
      hash = hash_of(states_[ref]);
      return true;
    });
  }

  Index index_;
  Segments<State> states_;
  std::vector<Mine> found_;
  std::size_t size_ = 0;
};

}  // namespace unzap::explorer
