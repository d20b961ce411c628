// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "util/big_array.hpp"

namespace unzap::explorer {

/// Where a number was found in an Index, or put there.
struct IndexEntry {
  std::uint32_t ref = 0;
  std::size_t slot = 0;
  bool is_new = false;
  bool full = false;  ///< no room near its place: nothing was put in; the index must grow first
};

/// Open addressing with linear probing: from a 64-bit hash to a number, where equality is for the user to
/// decide. Insertion is lock-free: a slot is claimed by one compare-and-swap and never moves until the next
/// rebuild, which nobody else may run beside. A slot is 8 bytes: the high half of the hash, and the number
/// plus one; zero is an empty one, so that a new table need not be written first.
class Index {
 public:
  static constexpr std::uint32_t k_no_ref = 0xffffffff;

  explicit Index(std::size_t capacity) : slots_(capacity) {}

  /// The number for which `equal(number)` holds among those under `hash`. If there is none, `make()` is
  /// called (once) for a new number: all that `equal` of another thread may look at must be written by then.
  /// The number may still lose against an equal one of another thread; then it is not new.
  template <class Equal, class Make>
  IndexEntry find_or_insert(std::uint64_t hash, const Equal& equal, const Make& make) {
    const std::uint64_t tag = hash & ~std::uint64_t{0xffffffff};
    std::uint32_t mine = k_no_ref;
    std::size_t at = home(hash);
    for (std::size_t probe = 0; probe < k_max_probes; ++probe) {
      std::atomic_ref<std::uint64_t> slot(slots_[at]);
      std::uint64_t seen = slot.load(std::memory_order_acquire);
      if (seen == k_empty) {
        if (mine == k_no_ref) mine = make();
        if (slot.compare_exchange_strong(seen, tag | (mine + 1U), std::memory_order_acq_rel))
          return {mine, at, true, false};
      }
      if (((seen ^ tag) >> 32) == 0 && equal(ref_in(seen))) return {ref_in(seen), at, false, false};
      if (++at == slots_.size()) at = 0;
    }
    return {k_no_ref, 0, false, true};
  }

  /// Asks the processor to fetch the place of `hash`.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(hash)]); }
  /// The number that `hash` probably has (its first slot with the same tag), or k_no_ref.
  std::uint32_t guess(std::uint64_t hash) {
    std::size_t at = home(hash);
    for (std::size_t probe = 0; probe < 8; ++probe) {
      const std::uint64_t seen = std::atomic_ref<std::uint64_t>(slots_[at]).load(std::memory_order_relaxed);
      if (seen == k_empty) break;
      if (((seen ^ hash) >> 32) == 0) return ref_in(seen);
      if (++at == slots_.size()) at = 0;
    }
    return k_no_ref;
  }

  // Not beside other threads from here on.

  /// The number for which `equal(number)` holds, or k_no_ref.
  template <class Equal>
  std::uint32_t find(std::uint64_t hash, const Equal& equal) const {
    for (std::size_t at = home(hash); slots_[at] != k_empty; at = at + 1 == slots_.size() ? 0 : at + 1)
      if (slots_[at] >> 32 == hash >> 32 && equal(ref_in(slots_[at]))) return ref_in(slots_[at]);
    return k_no_ref;
  }
  /// Another number in a slot that is taken, under the hash whose high half is `high_hash`. Slots of
  /// different threads do not disturb each other. (The slot is not read: nobody waits for the memory.)
  void renumber(std::size_t slot, std::uint32_t high_hash, std::uint32_t ref) {
    slots_[slot] = static_cast<std::uint64_t>(high_hash) << 32 | (ref + 1U);
  }
  /// Room for `capacity` numbers; keeps those for which `keeps(number)` answers true. The old table is read
  /// and the new one written from one end to the other, because the place of a number follows from its slot
  /// alone; so `share(parts, job)`, which runs `job(part)` for each part from 0 on, may do so at once.
  template <class Keeps, class Share>
  void rebuild(std::size_t capacity, const Keeps& keeps, const Share& share) {
    constexpr std::size_t k_parts = 16;
    BigArray<std::uint64_t> before(capacity);
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

  /// Puts a slot of another table where it belongs; others may do the same.
  void put(std::uint64_t slot) {
    for (std::size_t at = home(slot);; at = at + 1 == slots_.size() ? 0 : at + 1) {
      std::atomic_ref<std::uint64_t> here(slots_[at]);
      std::uint64_t seen = here.load(std::memory_order_relaxed);
      if (seen == k_empty && here.compare_exchange_strong(seen, slot, std::memory_order_relaxed)) return;
    }
  }
  static std::uint32_t ref_in(std::uint64_t slot) { return static_cast<std::uint32_t>(slot) - 1U; }
  /// Spreads the high half of the hash, which is all that a slot remembers of it, over any capacity.
  std::size_t home(std::uint64_t hash) const { return ((hash >> 32) * slots_.size()) >> 32; }

  BigArray<std::uint64_t> slots_;
};

}  // namespace unzap::explorer
