// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_image/bytes.hpp"
#include "kernel_image/decompress.hpp"

namespace unzap {

/// The legacy frame of `lz4 -l`, the one that the kernel's build uses: blocks of at most 8 MiB.
Result<bool> decompress_lz4(ByteView packed, const Sink& sink);

/// The file of `lzop`: a head, then blocks of at most 64 MiB, of which the checksums are not looked at.
Result<bool> decompress_lzo(ByteView packed, const Sink& sink);

}  // namespace unzap
