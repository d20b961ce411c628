// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/image.hpp"

#include <fmt/format.h>

#include "kernel_image/deb.hpp"
#include "kernel_image/decompress.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_vmlinux = std::size_t{192} << 20;
constexpr int k_max_depth = 3;  // package, then bzImage, then its payload

// Documentation/x86/boot: the head of a bzImage.
constexpr std::size_t k_setup_sectors = 0x1f1;
constexpr std::size_t k_header_magic = 0x202;
constexpr std::size_t k_boot_version = 0x206;
constexpr std::size_t k_payload_offset = 0x248;
constexpr std::size_t k_payload_length = 0x24c;

Error bad_image(std::string why) {
  return {ErrorKind::bad_data, std::move(why), "", "give a vmlinux, a vmlinuz or a Debian kernel package"};
}

bool is_bzimage(ByteView bytes) {
  const auto magic = part_of(bytes, k_header_magic, 4);
  return magic && text_of(*magic) == "HdrS";
}

/// EFI zboot, drivers/firmware/efi/libstub: "MZ", then "zimg", offset and length of the payload.
bool is_zboot(ByteView bytes) {
  const auto magic = part_of(bytes, 4, 4);
  return magic && text_of(bytes).starts_with("MZ") && text_of(*magic) == "zimg";
}

/// An arm64 Image is its own memory and no ELF file.
bool is_arm64_image(ByteView bytes) {
  const auto magic = part_of(bytes, 56, 4);
  return magic && text_of(*magic) == "ARM\x64";
}

Result<ByteView> bzimage_payload(ByteView bytes) {
  const auto version = number_at<std::uint16_t>(bytes, k_boot_version);
  const auto sectors = number_at<std::uint8_t>(bytes, k_setup_sectors);
  const auto offset = number_at<std::uint32_t>(bytes, k_payload_offset);
  const auto length = number_at<std::uint32_t>(bytes, k_payload_length);
  if (!version || !sectors || !offset || !length) return bad_image("the bzImage ends within its head");
  if (*version < 0x0208) return bad_image("the bzImage is older than Linux 2.6.24");
  const std::uint64_t start = (std::uint64_t{*sectors == 0 ? 4U : *sectors} + 1) * 512;
  const auto payload = part_of(bytes, start + *offset, *length);
  if (!payload)
    return bad_image(fmt::format("the payload of the bzImage, {} bytes, does not lie within the file",
                                 std::uint64_t{*length}));
  return *payload;
}

Result<ByteView> zboot_payload(ByteView bytes) {
  const auto offset = number_at<std::uint32_t>(bytes, 8);
  const auto length = number_at<std::uint32_t>(bytes, 12);
  const auto payload = offset && length ? part_of(bytes, *offset, *length) : std::nullopt;
  if (!payload) return bad_image("the payload of the EFI image does not lie within the file");
  return *payload;
}

void add_packing(KernelImage& image, std::string_view how) {
  image.packing += image.packing.empty() ? how : fmt::format(", {}", how);
}

Result<bool> open_layer(ByteView bytes, KernelImage& image, int depth);

/// Unpacks `payload` and goes on with what is in it.
Result<bool> open_packed(ByteView payload, KernelImage& image, int depth) {
  const Compression compression = compression_of(payload);
  if (compression == Compression::none) return open_layer(payload, image, depth + 1);
  add_packing(image, name(compression));
  Result<std::string> unpacked = decompress_all(compression, payload, k_max_vmlinux);
  if (!unpacked) return unpacked.error();
  // `payload` may lie in image.owned: what it held is no longer needed.
  image.owned = std::move(*unpacked);
  const Result<bool> done = open_layer(bytes_of(image.owned), image, depth + 1);
  return done;
}

Result<bool> open_package(ByteView bytes, KernelImage& image, int depth) {
  Result<DebKernel> kernel = read_deb(bytes);
  if (!kernel) return kernel.error();
  add_packing(image, "deb");
  image.name = kernel->image_name;
  image.config = std::move(kernel->config);
  image.config_name = kernel->config_name;
  image.package = kernel->package.empty() ? "" : kernel->package + " " + kernel->version;
  image.owned = std::move(kernel->image);
  return open_layer(bytes_of(image.owned), image, depth + 1);
}

Result<bool> open_layer(ByteView bytes, KernelImage& image, int depth) {
  if (bytes.empty()) return bad_image("the file is empty");
  if (depth > k_max_depth) return bad_image("the image is packed more often than any kernel is");
  if (text_of(bytes).starts_with("\x7f"
                                 "ELF")) {
    image.outside = bytes;
    return true;
  }
  if (looks_like_deb(bytes)) return open_package(bytes, image, depth);
  if (is_bzimage(bytes) || is_zboot(bytes)) {
    const bool zboot = !is_bzimage(bytes);
    add_packing(image, zboot ? "EFI zboot" : "bzImage");
    const Result<ByteView> payload = zboot ? zboot_payload(bytes) : bzimage_payload(bytes);
    if (!payload) return payload.error();
    return open_packed(*payload, image, depth);
  }
  if (is_arm64_image(bytes)) {
    add_packing(image, "arm64 Image");
    image.flat_arm64 = true;
    image.outside = bytes;
    return true;
  }
  if (compression_of(bytes) != Compression::none) return open_packed(bytes, image, depth);
  return bad_image("this is not a kernel image: no ELF file, no bzImage, no Debian package, nothing packed");
}

}  // namespace

Result<KernelImage> open_kernel_image(ByteView bytes) {
  KernelImage image;
  const Result<bool> done = open_layer(bytes, image, 0);
  if (!done) return done.error();
  return image;
}

}  // namespace unzap
