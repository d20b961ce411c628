// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "linux/cgroup.hpp"
#include "snapshot/snapshot.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Which facts the kernel refused, over all tasks: one line for the user instead of one per task.
class Gaps {
 public:
  /// Counts a refusal of `fact` ("stack", "ns/pid") for one of the tasks that matter.
  void add(const std::string& fact) { ++refused_[fact]; }
  /// Notes that `fact` is refused, for whatever task.
  void note(const std::string& fact) { refused_.try_emplace(fact, 0); }
  /// What was not permitted and what that leaves open; empty when nothing was refused.
  std::string text() const;

 private:
  std::map<std::string, int> refused_;
};

/// The files of a task that are read for a task that matters, in the order that apply_details expects. None
/// of them takes the task's memory lock or touches a file system of its container.
const std::vector<ReadItem>& detail_items();

/// A stat line into the task, with a first sample; of pending signals a SIGKILL alone is taken from it. False
/// when there is a text and it is not a stat line; an absence becomes the task's state.
bool apply_stat(const ReadResult& stat, Task& task);

/// The answers to detail_items() into the task; the sample is taken anew. False when the task is gone or the
/// number belongs to another task by now.
bool apply_details(const std::vector<ReadResult>& answers, Task& task, Gaps& gaps,
                   std::map<std::string, CgroupPaths>& cgroups, std::vector<Problem>& problems);

/// The answer to an item of ReadKind::ancestry for ns/pid.
void apply_pid_ns(const ReadResult& answer, Task& task);

/// A later sample. False when the task is gone or the number belongs to another task by now.
bool add_second_sample(const ReadResult& stat, const ReadResult& status, Task& task);

/// Says of an empty stack and of a wchan "0" what they mean, once all looks at the task are done:
/// the kernel answers with success, and nothing, for a task that is on a CPU and for a zombie.
void settle_absences(Task& task);

}  // namespace unzap
