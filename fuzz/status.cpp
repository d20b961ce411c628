// SPDX-License-Identifier: Apache-2.0
// /proc/<pid>/status.
#include "fuzz.hpp"
#include "linux/task_status.hpp"

void unzap::fuzz_one(std::string_view input) {
  const Task untouched;
  Task task;
  Reading<std::uint64_t> switches;
  const bool taken = parse_status(input, task, switches);
  must(taken ? static_cast<bool>(task.state) : task == untouched && switches == Reading<std::uint64_t>());
}
