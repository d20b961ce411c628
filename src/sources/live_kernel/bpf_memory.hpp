// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "util/fd.hpp"
#include "util/result.hpp"

namespace unzap {

/// Reads memory of the running kernel through a BPF program of eleven instructions, which is run once for
/// each piece and attached to nothing (a raw tracepoint program, BPF_PROG_TEST_RUN; from 5.10 on). Needs
/// CAP_BPF and CAP_PERFMON, and a kernel that is not locked down.
class BpfMemory {
 public:
  /// Errors: permission, or io with what the kernel says.
  static Result<BpfMemory> open();

  Result<std::string> read(std::uint64_t address, std::uint64_t size) const;

 private:
  BpfMemory(Fd map, Fd program) : map_(std::move(map)), program_(std::move(program)) {}
  Fd map_;
  Fd program_;
};

}  // namespace unzap
