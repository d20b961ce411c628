// SPDX-License-Identifier: Apache-2.0
// The kernel log of a live host: what dmesg prints, and records as /dev/kmsg gives them.
#include "sources/procfs/kernel_log.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "sources/text/builder.hpp"

namespace {

/// A task that runs and ends, as reports name it, and one that hangs.
unzap::Snapshot host() {
  unzap::Snapshot snapshot;
  snapshot.origin = unzap::Origin::live;
  unzap::Task task;
  task.tid = task.tgid = 300;
  task.comm = std::string("npm start");
  task.state = 'R';
  task.flags = unzap::k_pf_exiting;
  task.start_ticks = 50000;
  task.stack = unzap::Absence::task_running;
  snapshot.tasks.push_back(task);
  task.tid = task.tgid = 400;
  task.comm = std::string("docker");
  task.state = 'D';
  snapshot.tasks.push_back(task);
  return snapshot;
}

}  // namespace

void unzap::fuzz_one(std::string_view input) {
  const Snapshot before = host();
  Snapshot after = before;
  merge_kernel_log(input, "fuzz", 1010, after);
  must(after.tasks.size() == before.tasks.size() && after.events.size() <= text::k_most_events);
  for (std::size_t i = 0; i < after.tasks.size(); ++i) {
    const Task &was = before.tasks[i], &is = after.tasks[i];
    must(is.tid == was.tid && is.comm == was.comm && is.state == was.state);
    must(!is.stack || is.stack->frames.size() <= text::k_most_frames);
  }
  for (const KernelEvent& event : after.events)
    must(!event.tid || std::any_of(before.tasks.begin(), before.tasks.end(),
                                   [&](const Task& task) { return task.tid == event.tid; }));
}
