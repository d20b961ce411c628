// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef NDEBUG
#error "a fuzz target without assertions finds less: see cmake/Sanitizers.cmake"
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace unzap {

/// What a target does with one input. It must come back whatever the input is.
void fuzz_one(std::string_view input);

/// Ends the run with a crash, which libFuzzer keeps, when something holds no more.
inline void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace unzap

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unzap::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
