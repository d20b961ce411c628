// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/catalogue.hpp"

#include "diagnosis/rules/rcu_held_up.hpp"
#include "diagnosis/rules/reaper_busy_loop.hpp"

namespace unzap {

const std::vector<Cause>& catalogue() {
  static const std::vector<Cause> causes = {
      {"reaper-busy-loop", "the last thread of a dying init spins in zap_pid_ns_processes() and holds RCU up",
       reaper_busy_loop, "docs/causes/reaper-busy-loop.md"},
      {"rcu-held-up", "an RCU grace period is held up by something that is no dying init", rcu_held_up,
       "docs/causes/rcu-held-up.md"},
  };
  return causes;
}

const Cause* cause(std::string_view id) {
  for (const Cause& known : catalogue())
    if (known.id == id) return &known;
  return nullptr;
}

}  // namespace unzap
