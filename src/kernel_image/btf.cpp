// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/btf.hpp"

namespace unzap {
namespace {

constexpr std::uint16_t k_magic = 0xeb9f;
constexpr std::size_t k_type_bytes = 12;
constexpr std::size_t k_member_bytes = 12;

enum Kind : std::uint32_t {
  k_int = 1,
  k_array = 3,
  k_struct = 4,
  k_union = 5,
  k_enum = 6,
  k_func_proto = 13,
  k_var = 14,
  k_datasec = 15,
  k_decl_tag = 17,
  k_enum64 = 19,
};

/// How many bytes follow the common part of a type.
std::size_t tail_bytes(std::uint32_t kind, std::size_t count) {
  switch (kind) {
    case k_int:
    case k_var:
    case k_decl_tag: return 4;
    case k_array: return 12;
    case k_struct:
    case k_union:
    case k_datasec:
    case k_enum64: return 12 * count;
    case k_enum:
    case k_func_proto: return 8 * count;
    default: return 0;
  }
}

struct Btf {
  ByteView types;
  ByteView strings;

  std::string_view text(std::uint32_t offset) const {
    return offset < strings.size() ? text_to_nul(strings.subspan(offset)) : std::string_view();
  }
};

std::optional<Btf> open_btf(ByteView bytes) {
  const auto head = number_at<std::uint32_t>(bytes, 4);
  const auto type_at = number_at<std::uint32_t>(bytes, 8);
  const auto type_size = number_at<std::uint32_t>(bytes, 12);
  const auto string_at = number_at<std::uint32_t>(bytes, 16);
  const auto string_size = number_at<std::uint32_t>(bytes, 20);
  if (number_at<std::uint16_t>(bytes, 0) != k_magic || !string_size) return std::nullopt;
  const auto types = part_of(bytes, std::uint64_t{*head} + *type_at, *type_size);
  const auto strings = part_of(bytes, std::uint64_t{*head} + *string_at, *string_size);
  if (!types || !strings) return std::nullopt;
  return Btf{*types, *strings};
}

}  // namespace

std::optional<std::uint64_t> btf_member_offset(ByteView bytes, std::string_view structure,
                                               std::string_view member) {
  const auto btf = open_btf(bytes);
  if (!btf) return std::nullopt;
  for (std::size_t at = 0;;) {
    const auto type_name = number_at<std::uint32_t>(btf->types, at);
    const auto info = number_at<std::uint32_t>(btf->types, at + 4);
    if (!type_name || !info) return std::nullopt;
    const std::uint32_t kind = (*info >> 24) & 0x1f;
    const std::size_t count = *info & 0xffff;
    at += k_type_bytes;
    if (kind == k_struct && btf->text(*type_name) == structure) {
      // With the top bit of info set the offset shares its word with the size of a bit field.
      const std::uint32_t mask = *info >> 31 ? 0xffffff : 0xffffffff;
      for (std::size_t i = 0; i < count; ++i) {
        const auto member_name = number_at<std::uint32_t>(btf->types, at + i * k_member_bytes);
        const auto offset = number_at<std::uint32_t>(btf->types, at + i * k_member_bytes + 8);
        if (member_name && offset && btf->text(*member_name) == member) return (*offset & mask) / 8;
      }
    }
    at += tail_bytes(kind, count);
  }
}

}  // namespace unzap
