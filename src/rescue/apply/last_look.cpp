// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/last_look.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "rescue/apply/members.hpp"
#include "rescue/apply/verify.hpp"

namespace unzap {
namespace {

constexpr double k_namespace_seconds = 0.5;
constexpr std::size_t k_asked = 8;  // of those that are held up; one is enough

bool contains(const std::vector<std::uint64_t>& chain, std::uint64_t pid_ns) {
  return std::count(chain.begin(), chain.end(), pid_ns) > 0;
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
    if (!now->dead()) return "it is no zombie";
    if (now->ppid != target.tgid) return fmt::format("its parent is {} now", now->ppid);
    return "";
  }
  if (now->tracer <= 0) return "nobody traces it any more";
  return thread_of(now->tracer, target.tgid) ? "" : fmt::format("its tracer is {} now", now->tracer);
}

}  // namespace

Handle::Handle(std::int32_t tgid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, tgid, 0))) {}

Handle::~Handle() {
  if (fd_ >= 0) ::close(fd_);
}

int Handle::send(int signal) const {
  return ::syscall(SYS_pidfd_send_signal, fd_, signal, nullptr, 0) == 0 ? 0 : errno;
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
