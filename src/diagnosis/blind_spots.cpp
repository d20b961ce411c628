// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/blind_spots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace unzap {
namespace {

template <class Field>
std::size_t absent(const Snapshot& snapshot, Field Task::*field, Absence why) {
  return static_cast<std::size_t>(
      std::count_if(snapshot.tasks.begin(), snapshot.tasks.end(), [&](const Task& task) {
        const Absence* absence = (task.*field).absence();
        return absence != nullptr && *absence == why;
      }));
}

std::string tasks(std::size_t count) {
  return fmt::format("{} task{}", count, count == 1 ? "" : "s");
}

}  // namespace

std::string blind_spots(const Snapshot& snapshot) {
  if (snapshot.origin == Origin::text) return {};
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  // proc_pid_stack() and lock_trace(), fs/proc/base.c.
  if (const std::size_t count = absent(snapshot, &Task::stack, Absence::not_permitted); count > 0)
    add(
        fmt::format("the kernel stacks of {} (needs CAP_SYS_ADMIN and CAP_SYS_PTRACE of the first user "
                    "namespace: root of the host)",
                    tasks(count)));
  // proc_ns_get_link(), fs/proc/namespaces.c: PTRACE_MODE_READ_FSCREDS.
  if (const std::size_t count = absent(snapshot, &Task::pid_ns, Absence::not_permitted); count > 0)
    add(fmt::format("the pid namespaces of {} (needs CAP_SYS_PTRACE)", tasks(count)));
  const std::size_t states = absent(snapshot, &Task::state, Absence::timed_out);
  const std::size_t stacks = absent(snapshot, &Task::stack, Absence::timed_out);
  if (const std::size_t count = std::max(states, stacks); count > 0)
    add(fmt::format("files of {} that did not answer in time", tasks(count)));
  if (!snapshot.all_tasks) add("tasks outside of what this /proc shows or lets us see");
  return out.empty() ? out : "not seen: " + out;
}

}  // namespace unzap
