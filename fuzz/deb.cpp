// SPDX-License-Identifier: Apache-2.0
// A Debian package: its kernel, or an error.
#include "kernel_image/deb.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  const Result<DebKernel> kernel = read_deb(bytes_of(input));
  must(!kernel || !kernel->image.empty());
}
