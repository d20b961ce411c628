// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/blind_spots.hpp"

#include <algorithm>

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

}  // namespace

BlindSpots blind_spots(const Snapshot& snapshot) {
  BlindSpots out;
  if (snapshot.origin == Origin::text) return out;
  out.stacks = absent(snapshot, &Task::stack, Absence::not_permitted);
  out.namespaces = absent(snapshot, &Task::pid_ns, Absence::not_permitted);
  out.late = std::max(absent(snapshot, &Task::state, Absence::timed_out),
                      absent(snapshot, &Task::stack, Absence::timed_out));
  out.other_tasks = !snapshot.all_tasks;
  return out;
}

}  // namespace unzap
