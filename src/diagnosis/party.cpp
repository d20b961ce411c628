// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/party.hpp"

#include <fmt/format.h>

namespace unzap {

std::string HeldUp::text() const {
  switch (kind) {
    case nothing: return "it is alive";
    case frozen: return "it is frozen by cgroup " + cgroup;
    case stopped: return "it is stopped (SIGSTOP, or a terminal)";
    case traced: return fmt::format("it is in a stop of its tracer {}", tracer.value_or(0));
    case blocked: return "it is blocked in the kernel";
    case unmoved: return "none of its threads has moved meanwhile";
  }
  return "";
}

Role Role::waits(std::vector<std::string> functions) {
  Role out = waits_in;
  out.functions = std::move(functions);
  return out;
}

Role Role::frozen_by(std::string cgroup) {
  Role out = frozen;
  out.cgroup = std::move(cgroup);
  return out;
}

Role Role::away_from_freezer(std::vector<std::string> functions) {
  Role out = misses_freezer;
  out.functions = std::move(functions);
  return out;
}

Role Role::on_cpu(std::optional<std::int32_t> cpu) {
  Role out = holds_cpu;
  out.cpu = cpu;
  return out;
}

Role Role::behind(const Task& thread) {
  Role out = zombie_behind_thread;
  out.thread = thread.label();
  return out;
}

Role Role::held_up_by(HeldUp why) {
  Role out = does_not_reap;
  out.held_up = std::move(why);
  return out;
}

bool Role::is_init() const {
  return kind == dying_init || kind == init_in_zap || kind == dead_init;
}

bool Role::is_zombie() const {
  return kind == dead_init || (kind >= zombie && kind <= zombie_behind_frozen);
}

std::optional<TaskId> Party::id() const {
  if (!tid || !start_ticks) return std::nullopt;
  return TaskId{*tid, *start_ticks};
}

}  // namespace unzap
