// SPDX-License-Identifier: Apache-2.0
// Type data of a kernel.
#include "kernel_image/btf.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto offset = btf_member_offset(bytes_of(input), "task_struct", "flags");
  must(!offset || *offset <= 0xffffffff / 8);
}
