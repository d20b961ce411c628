// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "kernel_image/elf.hpp"
#include "kernel_image/kernel_config.hpp"
#include "kernel_image/zap_code.hpp"
#include "snapshot/reading.hpp"

namespace unzap {

/// Everything that is known of one kernel, running or in a file. What was not found has no value; nothing
/// here is guessed from a version number.
struct KernelFacts {
  std::string subject;  ///< "the running kernel", or the name of the file
  std::string packing;  ///< of a file: "deb, bzImage, xz"
  std::string package;  ///< of a Debian package: name and version
  std::string release;  ///< uname -r
  std::string version;  ///< uname -v: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-05-08)"
  Machine machine = Machine::other;
  std::string symbols_from;              ///< "the kallsyms tables of the image", ...; empty: no symbols
  std::string code_from;                 ///< where the bytes of the function come from
  std::optional<std::uint64_t> address;  ///< of zap_pid_ns_processes
  std::uint64_t size = 0;
  ZapCode code;
  /// Of a code that is unknown: why. The code of this kernel is not understood, or could not be read.
  Absence unread = Absence::not_in_this_kernel;
  ConfigFacts config;
  // Of a running kernel only:
  std::optional<int> io_uring_disabled;    ///< kernel.io_uring_disabled; from 6.6 on
  std::optional<Preemption> preempt_mode;  ///< what a PREEMPT_DYNAMIC kernel runs with
  std::string preempt_mode_from;
  std::optional<int> cpus;
  std::optional<bool> guard_loaded;  ///< the module unzap_guard
};

/// The release and version in a kernel's banner ("Linux version ..."), or empty texts.
struct Banner {
  std::string release;
  std::string version;
};
Banner find_banner(ByteView memory);

/// Fills what the config did not say with what the symbols show: a function that only exists with an option.
void complete_config(ConfigFacts& config, const Symbols& symbols);

/// The names of functions that `complete_config` and the judging of the code look for.
SymbolNames kernel_symbols();

/// Where the code of a kernel is read: `size` bytes at an address, or why not.
using ReadCode = std::function<Result<std::string>(std::uint64_t address, std::uint64_t size)>;

/// Judges the zap_pid_ns_processes that the symbols name; fills address, size, code.
void judge_kernel(KernelFacts& facts, const Symbols& symbols, const ReadCode& read,
                  std::optional<std::uint64_t> flags_offset);

/// Everything about the kernel in `bytes`. Errors: bad_data when it is not a kernel; what cannot be told of a
/// kernel is in the result.
Result<KernelFacts> facts_of_image(ByteView bytes, std::string subject);

}  // namespace unzap
