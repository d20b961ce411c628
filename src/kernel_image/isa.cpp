// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/isa.hpp"

namespace unzap {

extern const Isa k_isa_x86_64;

namespace {

constexpr const Isa* k_isas[] = {&k_isa_x86_64};

}  // namespace

const Isa* find_isa(Machine machine) {
  for (const Isa* isa : k_isas)
    if (isa->machine == machine) return isa;
  return nullptr;
}

Machine native_machine() {
#if defined(__x86_64__)
  return Machine::x86_64;
#elif defined(__aarch64__)
  return Machine::arm64;
#else
  return Machine::other;
#endif
}

}  // namespace unzap
