// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_image/bytes.hpp"
#include "util/result.hpp"

namespace unzap {

/// The kernel within a file, unpacked.
struct KernelImage {
  std::string owned;    ///< the unpacked bytes; empty when the file itself is the vmlinux
  ByteView outside;     ///< the file's own bytes, when they are the vmlinux; must outlive this
  std::string packing;  ///< how it was packed, outermost first: "deb, bzImage, xz"; empty for a vmlinux
  std::string name;     ///< of the file within a package, or empty
  std::string config;   ///< the text of the config that came with it, or empty
  std::string config_name;
  std::string package;      ///< name and version of the Debian package, or empty
  bool flat_arm64 = false;  ///< an arm64 Image: the kernel's memory as it is, and no ELF file

  ByteView vmlinux() const { return owned.empty() ? outside : bytes_of(owned); }
};

/// Finds the kernel in a vmlinux, an arm64 Image, a bzImage (vmlinuz), an EFI zboot image, any of these
/// packed once more, or a Debian package. `bytes` must outlive the result. Errors: bad_data with what is
/// wrong.
Result<KernelImage> open_kernel_image(ByteView bytes);

}  // namespace unzap
