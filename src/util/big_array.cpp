// SPDX-License-Identifier: Apache-2.0
#include "util/big_array.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace unzap {
namespace {

constexpr std::size_t k_huge_page = std::size_t{2} << 20;
constexpr std::size_t k_big = 2 * k_huge_page;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + k_huge_page - 1) / k_huge_page * k_huge_page;
}

}  // namespace

void* allocate_zeroed(std::size_t bytes) {
  if (bytes < k_big) {
    void* const memory = std::calloc(bytes + (bytes == 0), 1);
    if (!memory) throw std::bad_alloc();
    return memory;
  }
  // One huge page more than needed, so that the part in use can begin at the border of one.
  const std::size_t used = whole_pages(bytes), asked = used + k_huge_page;
  void* const got =
      mmap(nullptr, asked, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED) throw std::bad_alloc();
  const auto begin = reinterpret_cast<std::uintptr_t>(got);
  const std::uintptr_t at = whole_pages(begin);
  if (at != begin) munmap(got, at - begin);
  if (at + used != begin + asked) munmap(reinterpret_cast<void*>(at + used), begin + asked - at - used);
  void* const memory = reinterpret_cast<void*>(at);
  madvise(memory, used, MADV_HUGEPAGE);  // a kernel without huge pages refuses; the memory is as good
  return memory;
}

void free_zeroed(void* memory, std::size_t bytes) noexcept {
  if (!memory) return;
  if (bytes < k_big)
    std::free(memory);
  else
    munmap(memory, whole_pages(bytes));
}

}  // namespace unzap
