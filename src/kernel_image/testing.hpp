// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_image/decompress.hpp"
#include "kernel_image/zap_code.hpp"

/// Small kernels, made here: enough of each format for its reader, and nothing more.
namespace unzap::testing_kernel {

/// The bytes of "f0 80 23 fb".
std::string from_hex(std::string_view hex);

std::string pack(Compression compression, std::string_view plain);

struct TestSymbol {
  std::uint64_t address = 0;
  std::string name;  ///< without its type
};

/// How scripts/kallsyms of a kernel would have written the symbols.
enum class KallsymsStyle : std::uint8_t {
  absolute,         ///< 64-bit addresses (no KALLSYMS_BASE_RELATIVE)
  per_cpu,          ///< 5.10 to 6.1 on x86-64
  sequence_inside,  ///< 6.2 and 6.3: kallsyms_seqs_of_names before the tokens
  last,             ///< 6.4 to 6.14
  last_plain,       ///< from 6.15 on: offsets are unsigned
};
/// All tables, in their order, for symbols sorted by address. `base` is kallsyms_relative_base.
std::string kallsyms_tables(const std::vector<TestSymbol>& symbols, KallsymsStyle style, std::uint64_t base);

/// A vmlinux with two segments: `text` at `text_address`, and `data` behind it.
std::string vmlinux(std::string_view text, std::uint64_t text_address, std::string_view data);
std::string bzimage(std::string_view payload);

struct TestFile {
  std::string name;
  std::string bytes;
};
std::string tar_of(const std::vector<TestFile>& files);
/// A Debian package; the tar of `files` packed with `compression`.
std::string deb_of(const std::vector<TestFile>& files, Compression compression);

/// Code that does what zap_pid_ns_processes does from its wait loop on, at `address`.
std::string zap_code(ZapFix fix, std::uint64_t address, std::uint64_t wait4);
/// Code that asks what signal_pending() asks; with `gate` for PF_NO_NOTIFY_SIGNAL, too.
std::string wait_code(bool gate);

inline constexpr std::uint64_t k_text = 0xffffffff81000000;
/// A whole kernel in which the functions that matter lie among 400 others.
std::string kernel(ZapFix fix, KallsymsStyle style);

}  // namespace unzap::testing_kernel
