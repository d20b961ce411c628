// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_image/bytes.hpp"
#include "util/result.hpp"

namespace unzap {

/// What a Debian kernel package carries that matters here.
struct DebKernel {
  std::string image_name;   ///< "boot/vmlinuz-6.1.0-47-amd64"
  std::string image;        ///< its bytes
  std::string config_name;  ///< "boot/config-6.1.0-47-amd64", or empty
  std::string config;
  std::string package;  ///< "linux-image-6.1.0-47-amd64-unsigned", or empty
  std::string version;  ///< "6.1.170-3", or empty
};

/// True when the bytes begin as a Debian package does.
bool looks_like_deb(ByteView bytes);

/// The kernel of a Debian package, which is unpacked no further than needed. Errors: bad_data when the
/// archive is damaged, or holds no boot/vmlinuz-* within its first 96 MiB.
Result<DebKernel> read_deb(ByteView bytes);

}  // namespace unzap
