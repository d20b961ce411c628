// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/reading.hpp"

namespace unzap {

/// A FUSE connection as /sys/fs/fuse/connections shows it.
struct FuseConnection {
  std::int32_t number = 0;
  Reading<std::int64_t> waiting;  ///< requests without an answer

  bool operator==(const FuseConnection&) const = default;
};

/// What the machine code of the running kernel says of a dying init that waits (unzap patched).
struct KernelCode {
  enum class Wait : std::uint8_t {
    unknown,     ///< the code was not read, or is not understood
    vulnerable,  ///< a pending notify signal keeps the wait from sleeping
    fixed,       ///< the wait sleeps: the kernel has a fix, or no TIF_NOTIFY_SIGNAL
  };
  Wait wait = Wait::unknown;
  std::string text;  ///< why, in one sentence

  bool operator==(const KernelCode&) const = default;
};

/// What this host lets one do, and what one has at hand. Read once, before the plan.
struct Means {
  bool root = false;            ///< effective user 0
  std::string release;          ///< uname -r
  Reading<bool> takes_modules;  ///< the kernel loads modules, and kernel.modules_disabled is 0
  Reading<std::string>
      lockdown;  ///< "none", "integrity", "confidentiality"; absent: this kernel has no lockdown
  Reading<bool> needs_signature;  ///< module.sig_enforce, or Secure Boot is on
  bool secure_boot = false;
  std::string headers;  ///< /lib/modules/RELEASE/build when a module can be built there, else empty
  bool make = false;    ///< `make` and `gcc` are there
  std::string module;   ///< --module FILE
  /// --allow-host-process: a signal may go to a process on which others depend.
  bool allow_host_process = false;
  std::vector<FuseConnection> fuse;
  std::optional<KernelCode> kernel_code;  ///< nothing: nobody looked

  bool operator==(const Means&) const = default;
};

/// Looks at this host. Reads below /proc/sys, /sys and /lib/modules only, and writes nothing.
/// `module`: a prebuilt unzap_rescue.ko, or empty.
Means look_at_means(const std::string& module);

}  // namespace unzap
