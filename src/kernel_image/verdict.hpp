// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_image/kernel_facts.hpp"
#include "util/names.hpp"

namespace unzap {

/// What one can expect of a kernel when the init of a container dies with a notify signal pending.
enum class KernelVerdict : std::uint8_t {
  unknown,
  fixed,         ///< the wait sleeps
  can_lock_up,   ///< the wait spins, and no RCU grace period ends any more
  wastes_cpu,    ///< the wait spins, and the others can go on
  not_affected,  ///< nothing can leave the signal behind
};
constexpr auto names_of(KernelVerdict) {
  return name_table<KernelVerdict>({{KernelVerdict::unknown, "unknown"},
                                    {KernelVerdict::fixed, "fixed"},
                                    {KernelVerdict::can_lock_up, "can-lock-up"},
                                    {KernelVerdict::wastes_cpu, "wastes-cpu"},
                                    {KernelVerdict::not_affected, "not-affected"}});
}

/// One thing that can be done.
struct Advice {
  std::string id;       ///< "upgrade", "guard", "sysctl", "uv", "seccomp", "init", "evidence"
  std::string text;     ///< one or two sentences
  std::string command;  ///< to paste, or empty
  std::string source;   ///< where it is known from, or empty
};

/// The answer about a kernel.
struct KernelAnswer {
  KernelVerdict verdict = KernelVerdict::unknown;
  std::string reason;              ///< why this verdict
  std::vector<std::string> notes;  ///< what limits it
  std::vector<Advice> advice;
};

KernelAnswer answer_for(const KernelFacts& facts);

/// What a kernel needs so that a module with a kprobe can be loaded; empty when nothing is missing, else what
/// is missing. A fact that is not known is missing.
std::string guard_obstacle(const ConfigFacts& config);

/// A seccomp profile (OCI, as Docker, containerd and CRI-O read it) in which io_uring does not exist.
std::string_view seccomp_profile();

}  // namespace unzap
