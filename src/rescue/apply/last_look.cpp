// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/last_look.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "linux/task_stat.hpp"
#include "rescue/apply/members.hpp"
#include "rescue/apply/verify.hpp"
#include "util/read_file.hpp"
#include "util/run_apart.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr double k_namespace_seconds = 0.5;
constexpr double k_children_seconds = 2;
constexpr std::size_t k_stat_bytes = 4096;
constexpr std::size_t k_asked = 8;  // of those that are held up; one is enough

bool contains(const std::vector<std::uint64_t>& chain, std::uint64_t pid_ns) {
  return std::count(chain.begin(), chain.end(), pid_ns) > 0;
}

/// "worker[81]": the first process that lives, is a child of this one, and is none of `known`.
std::string child_beside(const std::vector<TaskId>& known, std::int32_t tgid) {
  for (const std::int32_t pid : processes()) {
    const auto stat = read_file(fmt::format("/proc/{}/stat", pid), k_stat_bytes);
    const auto line = stat ? parse_stat(stat->text) : std::nullopt;
    if (!line || !line->ppid.is(tgid)) continue;
    // A leader may have ended before its other threads.
    if ((line->state == 'Z' || line->state == 'X') && line->threads.value_or(1) < 2) continue;
    const TaskId id{pid, line->start_ticks.value_or(0)};
    if (std::count(known.begin(), known.end(), id) == 0) return fmt::format("{}[{}]", line->comm, pid);
  }
  return "";
}

/// Whether a thread belongs to this process.
bool thread_of(std::int32_t tid, std::int32_t tgid) {
  return tid == tgid || ::access(fmt::format("/proc/{}/task/{}", tgid, tid).c_str(), F_OK) == 0;
}

/// Why the target does not hold up `one` any more; empty when it does.
std::string let_go(const Action& action, const RescueTarget& one, std::optional<std::uint64_t> pid_ns) {
  const RescueTarget& target = *action.target;
  if (pid_ns) {
    const auto chain = pid_ns_chain_of(one.id.tid, k_namespace_seconds);
    if (!chain) return "its pid namespace cannot be read";
    if (!contains(*chain, *pid_ns)) return "it is not in the dying pid namespace";
  }
  // After the namespace, so that what was read is of this task and not of the next with its number.
  const auto now = look_at(one.id);
  if (!now) return *now.absence() == Absence::gone ? "it is gone" : "it cannot be looked at";
  if (action.tie == Tie::parent) {
    if (!now->dead()) return "it is not a zombie";
    if (now->ppid != target.tgid) return fmt::format("its parent is {} now", now->ppid);
    return "";
  }
  if (now->tracer <= 0) return "nobody traces it any more";
  return thread_of(now->tracer, target.tgid) ? "" : fmt::format("its tracer is {} now", now->tracer);
}

}  // namespace

Handle::Handle(std::int32_t tgid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, tgid, 0))) {}

int Handle::send(int signal) const {
  return ::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0) == 0 ? 0 : errno;
}

std::string changed(const RescueTarget& target, bool must_be_exiting) {
  const auto chain = target.pid_ns ? pid_ns_chain_of(target.id.tid, k_namespace_seconds) : std::nullopt;
  const auto now = look_at(target.id);
  if (!now && *now.absence() != Absence::gone)
    return target.label() + " cannot be looked at: " + std::string(name(*now.absence()));
  if (!now) return target.label() + " is gone, or another task has its number now";
  if (now->tgid != target.tgid) return target.label() + " is a thread of another process now";
  if (must_be_exiting && (now->flags & k_pf_exiting) == 0) return target.label() + " is not exiting";
  if (now->dead()) return target.label() + " is dead already";
  if (!target.pid_ns) return "";
  if (!chain) return "the pid namespace of " + target.label() + " cannot be read";
  return chain->front() == *target.pid_ns ? "" : target.label() + " is in another pid namespace";
}

std::string new_child(const Plan& plan) {
  if (!plan.serves.empty()) return "";
  const RescueTarget& target = *plan.action->target;
  const auto text = run_apart(
      "the children", [&plan, tgid = target.tgid] { return child_beside(plan.children, tgid); },
      k_children_seconds, 4096);
  if (!text) return "whether others depend on " + target.label() + " by now could not be read in time";
  if (text->empty()) return "";
  return fmt::format("{} has another child by now: {}", target.label(), printable(*text, 64));
}

Ties look_at_ties(const Plan& plan) {
  const Action& action = *plan.action;
  if (action.held.empty()) return {"", "no task is known that it holds up"};
  Ties out;
  for (std::size_t i = 0; i < action.held.size() && i < k_asked; ++i) {
    const RescueTarget& one = action.held[i];
    const std::string why = let_go(action, one, plan.pid_ns);
    if (!why.empty()) {
      out.broken += fmt::format("{}{}: {}", out.broken.empty() ? "" : "; ", one.label(), why);
      continue;
    }
    const char* tie = action.tie == Tie::parent ? "is its zombie child" : "is traced by it";
    const std::string place = plan.pid_ns ? fmt::format(", in pid namespace {}", *plan.pid_ns) : "";
    return {fmt::format("{} {}{}", one.label(), tie, place), ""};
  }
  return out;
}

}  // namespace unzap
