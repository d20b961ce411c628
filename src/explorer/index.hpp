// SPDX-License-Identifier: Apache-2.0
#pragma once

// A hash table that many threads fill without a lock, and in which a lookup costs one cache line.
//
// The problem. Memory answers after some 100 ns, and a search asks at every transition. The table is all that
// the threads share and write, so a lock, or a slot that is moved while others look for it, would cost more
// than the lookup itself.
//
// The idea. Use less than a hash table usually offers. A search never removes anything, and grows the table
// only between rounds, when nobody looks. So a slot changes once, from empty to taken, and never moves. Then
// one compare-and-swap is all the synchronisation there is, and a slot seen as taken needs no second look.
//
// A slot is 8 bytes: 32 bits of the hash (the tag) and a number plus one. Zero is an empty slot, so a new
// table is memory that the system hands out as zeros, and need not be written. Slots stand in cache lines of
// eight. The upper half of the hash names the line; an entry takes the first empty slot of its line, or of
// the lines after it when that is full. All eight slots are compared with a few instructions: which are
// empty, which have my tag (empty_or_same).
//
// An example: a line with four slots taken, tags (here of four digits, not eight) and numbers:
//
//      3f2a:17   90c1:4   3f2a:902   77e0:35   -   -   -   -
//
// A state whose tag is 77e0 costs one comparison with state 35. One with the tag 3f2a is compared with 17,
// then with 902. One with the tag 1111 is new without any comparison: it was in none of the four, and an
// empty slot ends the search. It is put into slot 4 by a compare-and-swap from zero to (1111, its number).
//
// Why no state gets in twice. Let A and B look for equal states at the same time. They have the same hash, so
// they walk the same slots in the same order. Say that A gets slot i. Then A has seen every slot before i
// taken, by something else. B can only get a slot that it sees empty and that is still empty when it swaps.
// If B goes for a slot before i, then A has not passed it yet or it is taken: in the first case A will find
// B's entry there, and stop; in the second B's swap fails, and B looks at what is there and goes on. If B
// comes to slot i it finds A's entry and compares equal. If it comes to a slot after i, it has passed i, and
// would have stopped there. So one of them gets a slot, and the other finds it.
//
// Why looking ahead is safe. To hide the latency, a search first has the lines of 64 lookups fetched, then
// looks at all (look), then inserts (find_or_insert from where look left off). In between other threads may
// have filled slots. But look passes only slots that are taken by another tag, and those stay as they are:
// what it passed it need not look at again. Where it stops, the slot is read anew. The number that it saw
// there is a hint for fetching, and no more.
//
// What it costs. 8 bytes a slot, at a load that the store chooses: up to 70 percent for small states, which
// are for speed, 80 for folded ones, 88 for fingerprints. Growing copies the table from one end to the other;
// a place follows from the tag alone, so old slots in order lead to new slots in order, and 16 parts of it
// can be copied by several threads at once. More than 4,096 slots without an end are taken for a full table.

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "util/big_array.hpp"

// Vector loads are not atomic to ThreadSanitizer, though they are on x86-64. g++ defines a macro under it,
// clang has to be asked.
#if defined(__SANITIZE_THREAD__)
#define UNZAP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNZAP_THREAD_SANITIZER 1
#endif
#endif

namespace unzap::explorer {

/// Where a number was found in an Index, or put there.
struct IndexEntry {
  std::uint32_t ref = 0;
  std::size_t slot = 0;
  bool is_new = false;
  bool full = false;  ///< no room near its place: nothing was put in; the index must grow first
};

/// Open addressing: from a 64-bit hash to a number, where equality is for the user to decide. Insertion is
/// lock-free; a slot that is taken does not move until the next rebuild, during which nobody may look.
class Index {
 public:
  static constexpr std::uint32_t k_no_ref = 0xffffffff;

  explicit Index(std::size_t capacity) : slots_(whole_lines(capacity)) {}

  /// The slot with which the search for `hash` begins: the first of its line.
  std::size_t home(std::uint64_t hash) const {
    return ((hash >> 32) * (slots_.size() / k_line) >> 32) * k_line;
  }
  /// Where the search for a hash goes on: no slot that comes before this one is empty or has its high half.
  struct Place {
    std::size_t slot;
    std::uint32_t guess;  ///< a hint: the number in that slot, or k_no_ref when it was empty
  };
  /// Looks at the first cache line of `hash`.
  Place look(std::uint64_t hash) {
    const std::size_t first = home(hash);
    const unsigned stops = empty_or_same(&slots_[first], static_cast<std::uint32_t>(hash >> 32));
    if (stops == 0) return {after(first + k_line - 1), k_no_ref};
    const std::size_t at = first + static_cast<unsigned>(std::countr_zero(stops));
    const std::uint64_t seen = std::atomic_ref<std::uint64_t>(slots_[at]).load(std::memory_order_relaxed);
    return {at, ref_in(seen)};  // of an empty slot that is k_no_ref
  }

  /// The number for which `equal(number)` holds among those under `hash`, from `start` on (look()). If there
  /// is none, `make()` is called (once) for a new number: all that `equal` of another thread may look at must
  /// be written by then. The number may still lose its slot to another thread; then it is not new, and stays
  /// unused.
  template <class Equal, class Make>
  IndexEntry find_or_insert(std::uint64_t hash, std::size_t start, const Equal& equal, const Make& make) {
    const std::uint64_t tag = hash & ~std::uint64_t{0xffffffff};
    std::uint32_t mine = k_no_ref;
    std::size_t at = start;
    for (std::size_t probe = 0; probe < k_max_probes; ++probe, at = after(at)) {
      std::atomic_ref<std::uint64_t> slot(slots_[at]);
      std::uint64_t seen = slot.load(std::memory_order_acquire);
      if (seen == k_empty) {
        if (mine == k_no_ref) mine = make();
        if (slot.compare_exchange_strong(seen, tag | (mine + 1U), std::memory_order_acq_rel))
          return {mine, at, true, false};
      }
      if (((seen ^ tag) >> 32) == 0 && equal(ref_in(seen))) return {ref_in(seen), at, false, false};
    }
    return {k_no_ref, 0, false, true};
  }

  /// Asks the processor to fetch the place of `hash`.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(hash)]); }

  // Not next to other threads from here on.

  /// The number for which `equal(number)` holds, or k_no_ref.
  template <class Equal>
  std::uint32_t find(std::uint64_t hash, const Equal& equal) const {
    std::size_t at = home(hash);
    for (std::size_t left = slots_.size(); left > 0 && slots_[at] != k_empty; --left, at = after(at))
      if (slots_[at] >> 32 == hash >> 32 && equal(ref_in(slots_[at]))) return ref_in(slots_[at]);
    return k_no_ref;
  }
  /// Another number in a slot that is taken, under the hash whose high half is `high_hash`. Slots of
  /// different threads do not disturb each other. (The slot is not read: nobody waits for the memory.)
  void renumber(std::size_t slot, std::uint32_t high_hash, std::uint32_t ref) {
    slots_[slot] = static_cast<std::uint64_t>(high_hash) << 32 | (ref + 1U);
  }
  /// Room for `capacity` numbers or a few more; keeps those for which `keeps(number)` answers true. The old
  /// table is read and the new one written from one end to the other, because the place of a number follows
  /// from its slot alone; so `share(parts, job)`, which runs `job(part)` for each part from 0 on, may do so
  /// at once.
  template <class Keeps, class Share>
  void rebuild(std::size_t capacity, const Keeps& keeps, const Share& share) {
    constexpr std::size_t k_parts = 16;
    BigArray<std::uint64_t> before(whole_lines(capacity));
    std::swap(before, slots_);
    share(k_parts, [&](std::size_t part) {
      const std::size_t end = before.size() * (part + 1) / k_parts;
      for (std::size_t i = before.size() * part / k_parts; i < end; ++i) {
        const std::uint64_t slot = before[i];
        if (slot != k_empty && keeps(ref_in(slot))) put(slot);
      }
    });
  }

  std::size_t capacity() const { return slots_.size(); }
  std::size_t bytes() const { return slots_.size() * sizeof(std::uint64_t); }

 private:
  static constexpr std::uint64_t k_empty = 0;
  static constexpr std::size_t k_max_probes = 4096;
  static constexpr std::size_t k_line = 8;  // slots of a cache line

  /// A bit for each slot of a cache line: whether it is empty, or its hash has the high half `tag`. Slots
  /// only go from empty to taken, so next to other threads a bit that is not set stays right. (An aligned
  /// load of 16 bytes tears neither of its halves on x86-64.)
  static unsigned empty_or_same(std::uint64_t* line, std::uint32_t tag) {
#if defined(__SSE2__) && !defined(UNZAP_THREAD_SANITIZER)
    const auto bits = [&](unsigned i) {  // of the slots i to i + 3
      const __m128 left = _mm_castsi128_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(line + i)));
      const __m128 right = _mm_castsi128_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(line + i + 2)));
      const __m128i tags = _mm_castps_si128(_mm_shuffle_ps(left, right, _MM_SHUFFLE(3, 1, 3, 1)));
      const __m128i refs = _mm_castps_si128(_mm_shuffle_ps(left, right, _MM_SHUFFLE(2, 0, 2, 0)));
      const __m128i same = _mm_cmpeq_epi32(tags, _mm_set1_epi32(static_cast<int>(tag)));
      const __m128i empty = _mm_cmpeq_epi32(refs, _mm_setzero_si128());
      return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(_mm_or_si128(same, empty))));
    };
    return bits(0) | bits(4) << 4;
#else
    unsigned stops = 0;
    for (unsigned i = 0; i < k_line; ++i) {
      const std::uint64_t slot = std::atomic_ref<std::uint64_t>(line[i]).load(std::memory_order_relaxed);
      stops |= static_cast<unsigned>(slot == k_empty || slot >> 32 == tag) << i;
    }
    return stops;
#endif
  }
  static std::size_t whole_lines(std::size_t capacity) {
    return (capacity + k_line - 1) / k_line * k_line;
  }
  /// Puts a slot of another table where it belongs; others may do the same. (It does not read first: a page
  /// that is read before it is written is mapped twice, and the second time all processors must hear of it.)
  void put(std::uint64_t slot) {
    for (std::size_t at = home(slot);; at = after(at)) {
      std::uint64_t seen = k_empty;
      if (std::atomic_ref<std::uint64_t>(slots_[at])
              .compare_exchange_strong(seen, slot, std::memory_order_relaxed))
        return;
    }
  }
  static std::uint32_t ref_in(std::uint64_t slot) {
    return static_cast<std::uint32_t>(slot) - 1U;
  }
  std::size_t after(std::size_t at) const {
    return at + 1 == slots_.size() ? 0 : at + 1;
  }

  BigArray<std::uint64_t> slots_;  // begins with a cache line
};

}  // namespace unzap::explorer
