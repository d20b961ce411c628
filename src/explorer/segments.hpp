// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <type_traits>

#include "util/big_array.hpp"

namespace unzap::explorer {

/// A growing array whose elements never move, so that some threads may read while others append. Segment k
/// holds 1024 << k elements; of a large one (allocate_zeroed()) only what was written costs memory. Elements
/// start as zeros. Who may read what, and when, is for the user to order.
template <class T>
class Segments {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Segments() = default;
  Segments(Segments&& other) noexcept { *this = std::move(other); }
  Segments& operator=(Segments&& other) noexcept {
    for (std::size_t k = 0; k < k_count; ++k) {
      free_zeroed(segments_[k].load(std::memory_order_relaxed), bytes_of(k));
      segments_[k] = other.segments_[k].exchange(nullptr);
    }
    return *this;
  }
  ~Segments() {
    for (std::size_t k = 0; k < k_count; ++k)
      free_zeroed(segments_[k].load(std::memory_order_relaxed), bytes_of(k));
  }

  /// Makes element `i` usable. Any number of threads may ask at once.
  void provide(std::size_t i) {
    std::atomic<T*>& segment = segments_[number(i)];
    if (segment.load(std::memory_order_acquire)) return;
    BigArray<T> fresh(k_first << number(i));
    T* expected = nullptr;
    if (segment.compare_exchange_strong(expected, fresh.data(), std::memory_order_acq_rel)) fresh.release();
  }
  /// Makes elements [from, to) usable.
  void provide(std::size_t from, std::size_t to) {
    if (from >= to) return;
    for (std::size_t k = number(from); k <= number(to - 1); ++k) provide(first_of(k));
  }

  /// Has the processor fetch a usable element; it may begin anywhere in a cache line.
  void prefetch(std::size_t i) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(&at(i));
    for (std::size_t byte = 0; byte < sizeof(T); byte += k_line) __builtin_prefetch(bytes + byte);
    if constexpr (sizeof(T) % k_line != 0) __builtin_prefetch(bytes + sizeof(T) - 1);
  }

  T& operator[](std::size_t i) { return at(i); }
  const T& operator[](std::size_t i) const { return at(i); }

 private:
  static constexpr std::size_t k_line = 64;  // bytes
  static constexpr std::size_t k_first = 1024;
  static constexpr std::size_t k_count = 24;  // 1024 * (2^24 - 1) elements: more than 2^32

  static constexpr std::size_t bytes_of(std::size_t segment) { return (k_first << segment) * sizeof(T); }
  static std::size_t number(std::size_t i) {
    return static_cast<std::size_t>(std::bit_width(i / k_first + 1)) - 1;
  }
  static std::size_t first_of(std::size_t segment) { return k_first * ((std::size_t{1} << segment) - 1); }
  T& at(std::size_t i) const {
    const std::size_t k = number(i);
    return segments_[k].load(std::memory_order_acquire)[i - first_of(k)];
  }

  std::array<std::atomic<T*>, k_count> segments_{};
};

}  // namespace unzap::explorer
