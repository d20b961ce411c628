// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernel_image/bytes.hpp"

namespace unzap {

/// The byte offset of a member of a structure, as the kernel's BTF (section .BTF, /sys/kernel/btf/vmlinux)
/// says; nothing when it does not, or when the data are damaged. Documentation/bpf/btf.rst.
std::optional<std::uint64_t> btf_member_offset(ByteView btf, std::string_view structure,
                                               std::string_view member);

}  // namespace unzap
