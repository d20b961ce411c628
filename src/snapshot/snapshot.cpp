// SPDX-License-Identifier: Apache-2.0
#include "snapshot/snapshot.hpp"

#include <algorithm>

namespace unzap {

TaskIndex::TaskIndex(const Snapshot& snapshot) {
  const auto add = [](Numbered& index, const Reading<std::int32_t>& number, const Task& task) {
    if (number) index.emplace_back(*number, &task);
  };
  for (Numbered* index : {&by_tid_, &by_tgid_, &by_ppid_}) index->reserve(snapshot.tasks.size());
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto sort = [&](Numbered& index) {
    if (!std::is_sorted(index.begin(), index.end(), before))
      std::stable_sort(index.begin(), index.end(), before);
  };
  for (const Task& task : snapshot.tasks) add(by_tid_, task.tid, task);
  sort(by_tid_);
  for (const Task& task : snapshot.tasks) {
    if (is_copy(task)) continue;
    add(by_tgid_, task.tgid, task);
    add(by_ppid_, task.ppid, task);
  }
  sort(by_tgid_);
  sort(by_ppid_);
}

std::vector<const Task*> TaskIndex::values_of(const Numbered& index, std::int32_t number) {
  const auto before = [](const auto& entry, std::int32_t value) { return entry.first < value; };
  std::vector<const Task*> out;
  for (auto at = std::lower_bound(index.begin(), index.end(), number, before);
       at != index.end() && at->first == number; ++at)
    out.push_back(at->second);
  return out;
}

const Task* TaskIndex::by_tid(std::int32_t tid) const {
  const auto before = [](const auto& entry, std::int32_t value) { return entry.first < value; };
  const auto at = std::lower_bound(by_tid_.begin(), by_tid_.end(), tid, before);
  return at != by_tid_.end() && at->first == tid ? at->second : nullptr;
}

bool TaskIndex::is_copy(const Task& task) const {
  return task.tid && by_tid(*task.tid) != &task;
}

std::vector<const Task*> TaskIndex::of_process(std::int32_t tgid) const {
  return values_of(by_tgid_, tgid);
}
std::vector<const Task*> TaskIndex::children_of(std::int32_t tgid) const {
  return values_of(by_ppid_, tgid);
}

}  // namespace unzap
