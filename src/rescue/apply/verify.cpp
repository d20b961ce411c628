// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/verify.hpp"

#include <fmt/format.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "linux/task_stat.hpp"
#include "linux/task_status.hpp"
#include "rescue/apply/child.hpp"
#include "util/read_file.hpp"
#include "util/run_apart.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_small_file = 8192;
constexpr std::size_t k_shown = 6;
constexpr double k_site_seconds = 0.2;  // for each of those that are shown

Absence absence(const Error& error) {
  if (error.kind == ErrorKind::no_input) return Absence::gone;
  if (error.kind == ErrorKind::permission) return Absence::not_permitted;
  // ESRCH: it went between open() and read().
  return error.message == std::strerror(ESRCH) ? Absence::gone : Absence::not_asked;
}

/// The innermost function it waits in; empty when that cannot be read, or not in time.
std::string site(std::int32_t tid) {
  const auto text = run_apart(
      "wchan",
      [tid] {
        const auto file = read_file(fmt::format("/proc/{}/wchan", tid), k_small_file);
        return file ? file->text : std::string();
      },
      k_site_seconds, k_small_file);
  const std::string out = text ? printable(trim(*text), 64) : "";
  return out == "0" ? "" : out;
}

std::string standing(const Awaited& one) {
  const auto now = look_at(one.target.id);
  if (!now) return fmt::format("{} ({})", one.target.label(), name(*now.absence()));
  std::string text = fmt::format("{} ({}", one.target.label(), now->state);
  if (now->dead()) {
    text += fmt::format(", parent {}", now->ppid);
  } else if (const std::string where = site(one.target.id.tid); !where.empty()) {
    text += ", in " + where;
  }
  if (now->tracer > 0) text += fmt::format(", traced by {}", now->tracer);
  return text + ")";
}

bool is_free(const Awaited& one) {
  const auto now = look_at(one.target.id);
  if (!now) return *now.absence() == Absence::gone;
  if (now->dead()) return !one.zombie;
  // Out of what held it and on its way out it may hang anew: in the flush of a file, in another mount.
  const bool must_die = one.exiting || one.zombie || now->killed || (now->flags & k_pf_exiting) != 0;
  return !must_die && now->switches != one.switches;
}

bool names(const std::vector<std::string>& labels, const RescueTarget& target) {
  return std::find(labels.begin(), labels.end(), target.label()) != labels.end();
}

}  // namespace

Reading<TaskNow> look_at(const TaskId& id) {
  const std::string folder =
      fmt::format("/proc/{}", id.tid);  // a thread that is not a leader is found here, too
  const auto stat = read_file(folder + "/stat", k_small_file);
  if (!stat) return absence(stat.error());
  const auto parsed = parse_stat(stat->text);
  if (!parsed || !parsed->start_ticks) return Absence::not_asked;
  if (!parsed->start_ticks.is(id.start_ticks)) return Absence::gone;
  const auto status = read_file(folder + "/status", k_small_file);
  if (!status) return absence(status.error());
  Task task;
  Reading<std::uint64_t> switches;
  if (!parse_status(status->text, task, switches)) return Absence::not_asked;
  TaskNow now{parsed->state, parsed->flags.value_or(0)};
  now.switches = switches.value_or(0);
  now.tgid = task.tgid.value_or(id.tid);
  now.ppid = task.ppid.value_or(parsed->ppid.value_or(0));
  now.tracer = task.tracer_pid.value_or(0);
  now.killed =
      ((task.pending_private.value_or(0) | task.pending_shared.value_or(0)) & signal_bit(SIGKILL)) != 0;
  if (now.state == 'Z' && now.tgid == id.tid && task.threads.value_or(2) > 1) now.state = 'z';
  return now;
}

Standing look_before(const std::vector<Watched>& watched) {
  Standing out;
  for (const Watched& one : watched) {
    const auto now = look_at(one.id);
    if (!now) {
      (*now.absence() == Absence::gone ? out.ended : out.unknown).push_back(one.label());
      continue;
    }
    const bool moved = (one.switches && now->switches != *one.switches) || (now->dead() && !one.zombie);
    if (moved) out.moved.push_back(one.label());
    // One that is there and on its way out is waited for in any case; who only got on is free already.
    if (!moved || (now->flags & k_pf_exiting) != 0)
      out.stuck.push_back({one, (now->flags & k_pf_exiting) != 0, now->dead(), now->switches});
  }
  return out;
}

std::string nothing_stuck(const Plan& plan, const Standing& standing, bool spins) {
  if (plan.reaper && names(standing.ended, *plan.reaper))
    return plan.reaper->label() + ", the init of the dying namespace, ended by itself";
  if (plan.reaper && names(standing.unknown, *plan.reaper))
    return plan.reaper->label() + ", the init of the dying namespace, cannot be looked at";
  if (plan.reaper && names(standing.moved, *plan.reaper) && !spins)
    return plan.reaper->label() +
           ", the init of the dying namespace, got on by itself since the plan was made";
  if (!standing.stuck.empty()) return "";
  if (!standing.unknown.empty()) return "nobody who is stuck can be looked at";
  return "it ended by itself: of those who were stuck nobody is any more";
}

std::vector<Awaited> not_yet_free(const std::vector<Awaited>& awaited) {
  std::vector<Awaited> out;
  std::copy_if(awaited.begin(), awaited.end(), std::back_inserter(out),
               [](const Awaited& one) { return !is_free(one); });
  return out;
}

std::string where_they_stand(const std::vector<Awaited>& awaited) {
  std::string out;
  for (std::size_t i = 0; i < awaited.size() && i < k_shown; ++i)
    out += (i == 0 ? "" : ", ") + standing(awaited[i]);
  if (awaited.size() > k_shown) out += fmt::format(" and {} more", awaited.size() - k_shown);
  return out;
}

std::optional<bool> rcu_completes(double seconds) {
  constexpr int k_no_such_call = 2;
  const auto status = in_child(seconds, [] {
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return 0;
    return k_no_such_call;
  });
  if (!status) return false;
  if (*status == k_no_such_call) return std::nullopt;
  return true;
}

}  // namespace unzap
