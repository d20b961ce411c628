// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "rescue/apply/members.hpp"

namespace unzap {
namespace {

constexpr double k_members_seconds = 1;
constexpr useconds_t k_pause_us = 10'000;

std::string labels(const std::vector<Awaited>& awaited) {
  std::string out;
  for (std::size_t i = 0; i < awaited.size() && i < 6; ++i)
    out += (i == 0 ? "" : ", ") + awaited[i].target.label();
  if (awaited.size() > 6) out += fmt::format(" and {} more", awaited.size() - 6);
  return out;
}

/// What is left of the dying namespace; empty when it is gone. Its init has been reaped by now, which
/// kernel/pid_namespace.c, zap_pid_ns_processes(), allows only when no other number of it is in use: to ask
/// every process is a second proof, and one that does not answer does not overturn the first.
/// A dead init stays in it until its own parent has reaped it: that may come a moment later.
std::string left_in_namespace(Course& course, double deadline) {
  if (!course.plan().pid_ns) return "";
  const std::uint64_t inode = *course.plan().pid_ns;
  Members members = members_of(inode, k_members_seconds);
  while (!members.found.empty() && monotonic_seconds() < deadline) {
    ::usleep(k_pause_us);
    members = members_of(inode, k_members_seconds);
  }
  if (!members.found.empty())
    return fmt::format("pid namespace {} is still there: process {} is in it", inode,
                       fmt::join(members.found, ", "));
  std::string text = fmt::format("pid namespace {} is gone: its init is reaped", inode);
  if (!members.complete)
    text += "; not all processes could be asked within the time";
  else if (members.silent.empty())
    text += ", and no process of this host is in it";
  else
    text += fmt::format(", and no process that answers is in it ({} did not answer)", members.silent.size());
  course.told("namespace", text);
  return "";
}

bool all_known(const std::vector<Awaited>& left) {
  return std::all_of(left.begin(), left.end(), [](const Awaited& one) {
    const auto now = look_at(one.target.id);
    return now || *now.absence() == Absence::gone;
  });
}

}  // namespace

Applied watch(Course& course, const Standing& before) {
  const double deadline = monotonic_seconds() + course.options().verify_seconds;
  std::vector<Awaited> left = not_yet_free(before.stuck);
  while (!left.empty() && monotonic_seconds() < deadline) {
    ::usleep(k_pause_us);
    left = not_yet_free(left);
  }
  if (!left.empty() && !all_known(left))
    return course.end(Outcome::unknown,
                      "done, but what became of it cannot be told: " + where_they_stand(left));
  if (!left.empty())
    return course.end(
        Outcome::not_freed,
        fmt::format("not free after {:.1f} s: {}; diagnose again: something else may hold them too",
                    course.options().verify_seconds, where_they_stand(left)));
  if (before.stuck.empty()) return course.end(Outcome::unknown, "nobody was watched");
  course.told("free", fmt::format("free: {}", labels(before.stuck)));
  if (std::string why = left_in_namespace(course, deadline); !why.empty())
    return course.end(Outcome::not_freed, std::move(why));
  const auto rcu = rcu_completes(std::max(0.5, deadline - monotonic_seconds()));
  if (rcu == false)
    return course.end(Outcome::not_freed,
                      "they are free, but an RCU grace period still does not end: another CPU spins");
  course.told("rcu", rcu ? "an RCU grace period ends (membarrier)"
                         : "this kernel cannot be asked for a grace period");
  return course.end(Outcome::freed, "");
}

}  // namespace unzap
