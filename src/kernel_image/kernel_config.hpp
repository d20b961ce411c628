// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel_image/bytes.hpp"
#include "snapshot/preemption.hpp"

namespace unzap {

/// What a kernel was built with, as far as it matters here. A fact that no source states has no value.
struct ConfigFacts {
  std::optional<bool> io_uring;
  std::optional<bool> preempt_rcu;
  std::optional<bool> preempt_count;
  std::optional<bool> preempt_dynamic;
  std::optional<bool> modules;
  std::optional<bool> kprobes;
  std::optional<bool> module_sig_force;
  std::optional<Preemption> preemption;  ///< of the build
  std::string source;                    ///< where this comes from

  bool operator==(const ConfigFacts&) const = default;
};

/// The text of a .config (boot/config-*, /proc/config.gz unpacked).
ConfigFacts parse_config(std::string_view text, std::string source);

/// The text of the config within a kernel that carries it (CONFIG_IKCONFIG), or empty.
std::string embedded_config(ByteView memory);

}  // namespace unzap
