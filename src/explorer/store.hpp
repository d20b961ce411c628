// SPDX-License-Identifier: Apache-2.0
#pragma once

// A set of states that forgets nothing, merges nothing, and is written by many at once.
//
// The problem. A state of the kernel model is 590 bytes, and a search may come upon 58 million of them: 34
// GB, to which each transition puts the question whether this one has been seen. A set of hashes would be
// small and fast, and now and then it would take a new state for an old one; what lies behind it would never
// be looked at, and "proved" would be a matter of luck.
//
// The idea. Let a hash find the place, and let something small but exact decide. Three parts:
//
//   Tree (tree.hpp)     folds a state into 8 bytes, its top, without loss: equal states have equal tops, and
//                       different ones different tops. States of up to 96 bytes are kept as they are.
//   Index (index.hpp)   8 bytes a slot: from a hash of the top to a number. It says where to look, never
//                       whether two states are the same.
//   exact_              the tops, by number. Here the comparison is made: 8 bytes with 8 bytes.
//
// So a lookup costs a hash, a cache line of the index, and a comparison with the one state in it that has the
// same 32 bits of hash. Together that is about 26 bytes a state of the kernel model, the blocks of the tree
// included, and 11 for the edges (docs/performance.md).
//
// Many at once. While a round runs (search.hpp) the final number of a new state is not known. Until then it
// has a provisional one, which three fields make up: bit 31 says that it is one, 6 bits name the worker who
// found it, 25 bits give its place among those that this worker found. Each worker appends to an array of its
// own, so nobody waits for anybody. Bit 31 also limits the store to 2^31 states.
//
// An example. Worker 1 finds the state Y, its first of this round: it writes the top and the claim into place
// 0 of its array, and only then puts 0x82000000 (bit 31, worker 1, place 0) into the index. Worker 0 comes
// upon Y too. Either it sees that number, reads the top behind it, finds it equal, and lowers the claim if
// its own is smaller. Or it saw an empty slot, wrote Y into place 0 of its own array as well, and loses the
// slot to worker 1: then it looks at what is there, finds Y, and uses its place 0 for the next state that it
// finds. When the round is settled Y gets its number, say 8: exact_[8] is its top, and the slot of the index,
// which has not moved, now says 8.
//
// Why a reader never sees half a state. What the number leads to is written before the number is: the slot is
// claimed with release order and read with acquire order. The claim is the one field that changes afterwards,
// and it is an atomic minimum. Everything else happens between rounds, when the workers have met (team.hpp),
// so what one wrote the others see.
//
// Keep::fingerprints does without the tops. The index has 32 bits of the hash and low_hash_ the other 32; two
// states with the same 64 bits are taken for one. Among n states that happens to some pair with odds below
// n^2 / 2^65: for 58 million states below 1 in 10,000, and the report says so. A state in full is needed only
// until it is expanded, so those go in chunks of 1,024 as the search passes them.

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "explorer/index.hpp"
#include "explorer/segments.hpp"
#include "explorer/tree.hpp"
#include "util/assert.hpp"

namespace unzap::explorer {

/// Index of a state in the order of its discovery; a breadth-first search numbers by distance.
using StateId = std::uint32_t;
inline constexpr StateId k_no_state = 0xffffffff;

/// What is kept of a state.
enum class Keep : std::uint8_t {
  states,        ///< all of it: two states are the same when all their bytes are
  fingerprints,  ///< 64 bits of hash: two states are taken for the same when these are
};

/// A set of states, each under a number.
///
/// With Keep::states nothing is ever lost or merged: large states are compressed (Tree), small ones kept as
/// they are, and the hash only finds the place. With Keep::fingerprints a state is needed in full only until
/// it is expanded (`release`).
///
/// Several workers look states up at once. A state that is new gets a provisional number, which depends on
/// who came first; when all are through, the caller gives final numbers in an order of its own (`settle`).
template <class State, std::size_t block_bytes = 32>
class Store {
  static constexpr bool k_folds = sizeof(State) > 96;
  /// What stands for an exact state.
  using Exact = std::conditional_t<k_folds, std::uint64_t, State>;
  using Folder = std::conditional_t<k_folds, Tree<State, block_bytes>, NoTree>;
  struct Nothing {};

 public:
  using Ref = std::uint32_t;  ///< a StateId, or a provisional number

  /// A state in full, with what helps to compress its successors.
  struct Open {
    State state;
    [[no_unique_address]] typename Folder::Nodes nodes;
  };

  /// A state on its way into the store: what has to be known of it to look it up.
  struct Lookup {
    State state;
    [[no_unique_address]] std::conditional_t<k_folds, std::uint64_t, Nothing>
        top;  ///< folded, with Keep::states
    std::uint64_t hash;
    std::size_t slot;     ///< where its search goes on
    std::uint64_t claim;  ///< where it comes from in the sequential order: the smallest claim discovers it
  };

  /// A state found since the last round was settled.
  struct Found {
    Exact exact;
    std::uint64_t claim;  ///< the smallest of all lookups that came upon it
    std::size_t slot;
    std::uint32_t witnesses;
    std::uint32_t high_hash, low_hash;
    StateId id;  ///< once settled
    bool goal;
    bool broken;  ///< it breaks an invariant of the model
    Ref ref;
  };

  Store(Keep keep, unsigned workers) : keep_(keep), index_(k_first_capacity), found_(workers) {
    UNZAP_ASSERT(workers >= 1 && workers <= k_max_workers, "{} workers", workers);
  }

  static constexpr unsigned k_max_workers = 63;
  static constexpr bool provisional(Ref ref) { return (ref & k_provisional) != 0; }

  /// Opens a state that was not released yet.
  void open(StateId id, Open& out) const {
    if (keep_ == Keep::fingerprints)
      out.state = closed_[id / k_closed_chunk][id % k_closed_chunk];
    else if constexpr (k_folds)
      tree_->unfold(exact_[id], out.state, out.nodes);
    else
      out.state = exact_[id];
  }

  /// Whether states are folded: then a lookup has to be folded while its parent is open.
  bool folds() const { return k_folds && keep_ == Keep::states; }
  /// Folds `lookup.state`, a successor of `parent` (nullptr: the first state). False: there is no room; the
  /// round must be dropped.
  bool fold(Lookup& lookup, const Open* parent) {
    if constexpr (k_folds) {
      static constexpr typename Folder::Nodes k_none{};
      return tree_->fold(lookup.state, parent ? &parent->state : nullptr, parent ? parent->nodes : k_none,
                         lookup.top);
    } else {
      return true;
    }
  }
  /// Fills in what is needed to look `lookup.state` up, folded if folds(), and has its place fetched.
  void prepare(Lookup& lookup) {
    if (folds())
      lookup.hash = XXH3_64bits(&exact(lookup), sizeof(Exact));
    else
      lookup.hash = XXH3_64bits(&lookup.state, sizeof(State));
    index_.prefetch(lookup.hash);
  }
  /// Begins the search for `lookup`, and has fetched what it will probably be compared with.
  void look(Lookup& lookup) {
    const Index::Place place = index_.look(lookup.hash);
    lookup.slot = place.slot;
    if (provisional(place.guess)) return;  // or there is none
    if (keep_ == Keep::states)
      exact_.prefetch(place.guess);
    else
      low_hash_.prefetch(place.guess);
  }

  /// What a lookup found.
  struct Answer {
    Ref ref;     ///< Index::k_no_ref: there is no room; the round must be dropped
    bool leads;  ///< the state was found in this round, and of the lookups so far this has the smallest claim
  };
  /// The number of the state; for a new one, `describe(state, found)` fills in goal, broken and witnesses.
  template <class Describe>
  Answer find_or_add(unsigned worker, const Lookup& lookup, const Describe& describe) {
    Mine& mine = found_[worker];
    const auto low = static_cast<std::uint32_t>(lookup.hash);
    const auto equal = [&](Ref ref) {
      if (keep_ == Keep::fingerprints)
        return (provisional(ref) ? found(ref).low_hash : low_hash_[ref]) == low;
      const Exact& other = provisional(ref) ? found(ref).exact : exact_[ref];
      return std::memcmp(&other, &exact(lookup), sizeof(Exact)) == 0;
    };
    const auto make = [&] {
      UNZAP_ASSERT(mine.count <= k_position, "one worker found more than {} states in one round", k_position);
      mine.found.provide(mine.count);
      Found& fresh = mine.found[mine.count];
      fresh.claim = lookup.claim;
      fresh.high_hash = static_cast<std::uint32_t>(lookup.hash >> 32);
      fresh.low_hash = low;
      fresh.ref = k_provisional | worker << k_position_bits | static_cast<Ref>(mine.count);
      if (keep_ == Keep::fingerprints) {
        mine.states.provide(mine.count);
        mine.states[mine.count] = lookup.state;
      } else {
        fresh.exact = exact(lookup);
      }
      describe(lookup.state, fresh);
      return fresh.ref;
    };
    const IndexEntry entry = index_.find_or_insert(lookup.hash, lookup.slot, equal, make);
    if (entry.full) return {Index::k_no_ref, false};
    if (entry.is_new) {
      mine.found[mine.count++].slot = entry.slot;
      return {entry.ref, true};
    }
    if (!provisional(entry.ref)) return {entry.ref, false};
    std::atomic_ref<std::uint64_t> claim(found(entry.ref).claim);
    std::uint64_t least = claim.load(std::memory_order_relaxed);
    while (lookup.claim < least)
      if (claim.compare_exchange_weak(least, lookup.claim, std::memory_order_relaxed))
        return {entry.ref, true};
    return {entry.ref, false};
  }

  /// What is known of a provisional number.
  Found& found(Ref ref) { return found_[worker_of(ref)].found[ref & k_position]; }

  // Between rounds, alone.

  /// Bytes that make_room(expected) will need for a while, the old table next to the new one.
  std::size_t growth_bytes(std::size_t expected) const {
    return too_small(expected) ? larger() * sizeof(std::uint64_t) : 0;
  }
  /// Makes room for about `expected` more states. `share(parts, job)` runs `job(part)` for each part from 0
  /// on, by several workers perhaps.
  template <class Share>
  void make_room(std::size_t expected, const Share& share) {
    if constexpr (k_folds) tree_->make_room(share);
    while (too_small(expected)) grow(share);
  }
  /// Forgets the round: what was found since the last is gone, and there is more room.
  template <class Share>
  void drop_round(const Share& share) {
    grow(share);
    for (Mine& mine : found_) mine.count = 0;
  }
  /// Begins the numbering of `fresh` found states, which get the next ids.
  void begin_settling(std::size_t fresh) {
    UNZAP_ASSERT(size_ + fresh < k_provisional, "more than 2^31 states in one store");
    if (keep_ == Keep::states) return exact_.provide(size_, size_ + fresh);
    low_hash_.provide(size_, size_ + fresh);
    while (closed_.size() * k_closed_chunk < size_ + fresh)
      closed_.push_back(std::make_unique_for_overwrite<State[]>(k_closed_chunk));
  }
  /// Gives a found state its id; different workers may settle different states at once.
  void settle(Found& one, StateId id) {
    one.id = id;
    index_.renumber(one.slot, one.high_hash, id);
    if (keep_ == Keep::states) {
      exact_[id] = one.exact;
      return;
    }
    low_hash_[id] = one.low_hash;
    closed_[id / k_closed_chunk][id % k_closed_chunk] =
        found_[worker_of(one.ref)].states[one.ref & k_position];
  }
  void end_settling(std::size_t fresh) {
    size_ += fresh;
    for (Mine& mine : found_) mine.count = 0;
  }
  /// States below `end` will not be opened any more.
  void release(std::size_t end) {
    for (; released_ < closed_.size() && std::min((released_ + 1) * k_closed_chunk, size_) <= end;
         ++released_)
      closed_[released_].reset();
  }

  // After the search.

  Keep keep() const { return keep_; }
  /// A state in full; only with Keep::states.
  State operator[](StateId id) const {
    UNZAP_ASSERT(keep_ == Keep::states, "state {} was not kept", id);
    Open out;
    open(id, out);
    return out.state;
  }
  // States that were found but cut off (Search::round) are still in the index, without an id: they do not
  // count.

  /// Whether `state` is the one under `id`, as far as can be told.
  bool is(StateId id, const State& state) const {
    if (keep_ == Keep::states) {
      const State kept = (*this)[id];
      return std::memcmp(&kept, &state, sizeof(State)) == 0;
    }
    const std::uint64_t hash = XXH3_64bits(&state, sizeof(State));
    const auto equal = [&](Ref ref) {
      return !provisional(ref) && low_hash_[ref] == static_cast<std::uint32_t>(hash);
    };
    return index_.find(hash, equal) == id;
  }
  /// The number of a state, or k_no_state; only with Keep::states.
  StateId find(const State& state) {
    UNZAP_ASSERT(keep_ == Keep::states, "states were not kept");
    Lookup lookup{};
    lookup.state = state;
    if (!fold(lookup, nullptr)) return k_no_state;  // its parts are new, and there is no room for them
    prepare(lookup);
    return index_.find(lookup.hash, [&](Ref ref) {
      return !provisional(ref) && std::memcmp(&exact_[ref], &exact(lookup), sizeof(Exact)) == 0;
    });
  }
  std::size_t size() const { return size_; }
  /// Bytes held, the tables included.
  std::size_t bytes() const {
    const std::size_t each = keep_ == Keep::states ? sizeof(Exact) : sizeof(std::uint32_t);
    return size_ * each + index_.bytes() + (k_folds && keep_ == Keep::states ? tree_->bytes() : 0) +
           (closed_.size() - released_) * k_closed_chunk * sizeof(State);
  }

 private:
  static constexpr std::size_t k_first_capacity = 4096;
  static constexpr std::size_t k_large_capacity = std::size_t{1} << 20;  // slots
  static constexpr std::size_t k_closed_chunk = 1024;
  static constexpr Ref k_provisional = Ref{1} << 31;
  static constexpr unsigned k_position_bits = 25;
  static constexpr Ref k_position = (Ref{1} << k_position_bits) - 1;

  /// What one worker found in this round.
  struct Mine {
    Segments<Found> found;
    Segments<State> states;  // only with Keep::fingerprints
    std::size_t count = 0;
  };

  static const Exact& exact(const Lookup& lookup) {
    if constexpr (k_folds)
      return lookup.top;
    else
      return lookup.state;
  }
  static std::size_t worker_of(Ref ref) { return (ref & ~k_provisional) >> k_position_bits; }

  /// How full the table may be when a round begins, in percent, and how it grows: small states are for speed,
  /// the others not.
  std::size_t most_percent() const { return keep_ == Keep::fingerprints ? 88 : k_folds ? 80 : 70; }
  std::size_t larger() const {
    const bool small = index_.capacity() < k_large_capacity;
    const std::size_t percent = keep_ == Keep::fingerprints ? 120 : k_folds ? 150 : small ? 400 : 200;
    return index_.capacity() / 100 * percent + 1024;
  }
  bool too_small(std::size_t expected) const {
    return size_ > index_.capacity() / 100 * most_percent() ||
           size_ + expected > index_.capacity() / 100 * 96;
  }
  template <class Share>
  void grow(const Share& share) {
    index_.rebuild(
        larger(), [](Ref ref) { return !provisional(ref); }, share);
  }

  Keep keep_;
  Index index_;
  std::unique_ptr<Folder> tree_ = std::make_unique<Folder>();
  Segments<Exact> exact_;                         // by id, with Keep::states
  Segments<std::uint32_t> low_hash_;              // by id, with Keep::fingerprints; the index has the rest
  std::vector<std::unique_ptr<State[]>> closed_;  // not yet expanded, with Keep::fingerprints
  std::size_t released_ = 0;                      // chunks of them that are gone
  std::vector<Mine> found_;
  std::size_t size_ = 0;
};

}  // namespace unzap::explorer
