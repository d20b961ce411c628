// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace unzap::bundle {

/// True when `bytes` begin with the magic number of a zstd frame.
bool is_compressed(std::string_view bytes);

/// `text` as one zstd frame with a checksum.
std::string compress(std::string_view text);

/// What the frames in `bytes` hold. What a frame says of its own size is not believed: bad_data, at `label`,
/// as soon as more than `max_bytes` come out, and for what is damaged or cut off.
Result<std::string> decompress(std::string_view bytes, std::size_t max_bytes, const std::string& label);

}  // namespace unzap::bundle
