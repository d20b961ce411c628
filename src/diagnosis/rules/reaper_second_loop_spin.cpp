// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/reaper_second_loop_spin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

std::optional<Confidence> judge(const Reaper& reaper) {
  const Task& task = *reaper.task;
  if (!reaper.lockups.empty() || reaper.place == ZapPlace::first_loop) return std::nullopt;
  const auto found = rate(task);
  const bool burns = found && found->system_percent >= k_spin_percent;
  const bool yields = found && found->switches.value_or(0) > 0;
  if (reaper.place == ZapPlace::second_loop) {
    const bool shown_running =
        reaper.running || task.state.is('R') || task.cpu_percent.value_or(0) >= k_spin_percent;
    if (burns || shown_running) return Confidence::likely;
    return std::nullopt;
  }
  // No stack: switches under full load tell the second loop from the first, which has none. Closing many
  // files in exit looks the same, so it is not more than possible; SIGCHLD ignored says that zap has begun.
  const bool in_zap = (task.ignored.value_or(0) & signal_bit(17)) != 0;
  if (burns && yields && in_zap && found->seconds >= k_lasting_seconds) return Confidence::possible;
  return std::nullopt;
}

Finding make(const Picture& picture, const Reaper& reaper, Confidence confidence) {
  Finding finding;
  finding.cause = CauseId::reaper_second_loop_spin;
  finding.confidence = confidence;
  finding.culprit = party(*reaper.task, Role::spins_in_second_loop);
  finding.summary = fmt::format(
      "{} burns a CPU in the second loop of zap_pid_ns_processes(): a pending notify signal keeps schedule() "
      "from sleeping "
      "while someone still holds a pid number of its namespace",
      reaper.task->label());
  const auto ids = cite(finding, picture, *reaper.task);
  finding.chain.push_back({NodeRef::of(*reaper.task), NodeKind::pid_numbers, {}, false, ids});
  for (const Task* member : reaper.members) {
    if (finding.victims.size() < 8) cite(finding, picture, *member);
    add_victim(finding, *member, Role::remaining_member);
  }
  advise(finding);
  name_jam(finding, picture, &reaper);
  return finding;
}

}  // namespace

Findings reaper_second_loop_spin(const Picture& picture) {
  Findings out;
  for (const Reaper& reaper : picture.reapers.all())
    if (const auto confidence = judge(reaper)) out.push_back(make(picture, reaper, *confidence));
  return out;
}

}  // namespace unzap
