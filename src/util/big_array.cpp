// SPDX-License-Identifier: Apache-2.0
#include "util/big_array.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace unzap {
namespace {

constexpr std::size_t k_line = 64;
constexpr std::size_t k_mapped = std::size_t{64} << 10;  // smaller ones are cheaper to clear than to map
constexpr std::size_t k_huge_page = std::size_t{2} << 20;
constexpr std::size_t k_big = 2 * k_huge_page;

std::size_t whole(std::size_t unit, std::size_t bytes) {
  return (bytes + unit - 1) / unit * unit;
}

void* map(std::size_t bytes) {
  void* const got =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED) throw std::bad_alloc();
  return got;
}

void* allocate_small(std::size_t bytes) {
  const std::size_t used = whole(k_line, std::max<std::size_t>(bytes, 1));
  void* const memory = std::aligned_alloc(k_line, used);
  if (!memory) throw std::bad_alloc();
  return std::memset(memory, 0, used);
}

/// With one huge page more than needed at first, so that the part in use can begin at the border of one.
void* allocate_huge(std::size_t bytes) {
  const std::size_t used = whole(k_huge_page, bytes), asked = used + k_huge_page;
  const auto begin = reinterpret_cast<std::uintptr_t>(map(asked));
  const std::uintptr_t at = whole(k_huge_page, begin);
  if (at != begin) munmap(reinterpret_cast<void*>(begin), at - begin);
  if (at + used != begin + asked) munmap(reinterpret_cast<void*>(at + used), begin + asked - at - used);
  void* const memory = reinterpret_cast<void*>(at);
  madvise(memory, used, MADV_HUGEPAGE);  // a kernel without huge pages refuses; the memory is as good
  return memory;
}

}  // namespace

void* allocate_zeroed(std::size_t bytes) {
  if (bytes < k_mapped) return allocate_small(bytes);
  return bytes < k_big ? map(bytes) : allocate_huge(bytes);
}

void free_zeroed(void* memory, std::size_t bytes) noexcept {
  if (!memory) return;
  if (bytes < k_mapped)
    std::free(memory);
  else
    munmap(memory, bytes < k_big ? bytes : whole(k_huge_page, bytes));
}

}  // namespace unzap
