// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace unzap {

/// SHA-256 (FIPS 180-4) of `data`: for names of things that a stranger must not be able to forge.
std::array<std::uint8_t, 32> sha256(std::string_view data);

}  // namespace unzap
