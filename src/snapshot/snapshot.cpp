// SPDX-License-Identifier: Apache-2.0
#include "snapshot/snapshot.hpp"

namespace unzap {
namespace {

std::vector<const Task*> values_of(const std::multimap<std::int32_t, const Task*>& map, std::int32_t key) {
  std::vector<const Task*> out;
  const auto [first, last] = map.equal_range(key);
  for (auto at = first; at != last; ++at) out.push_back(at->second);
  return out;
}

}  // namespace

std::string_view name(Origin origin) {
  switch (origin) {
    case Origin::live: return "live";
    case Origin::text: return "text";
    case Origin::bundle: return "bundle";
    case Origin::model: return "model";
  }
  return "?";
}

std::string_view name(Preemption preemption) {
  switch (preemption) {
    case Preemption::none: return "none";
    case Preemption::voluntary: return "voluntary";
    case Preemption::full: return "full";
  }
  return "?";
}

TaskIndex::TaskIndex(const Snapshot& snapshot) {
  for (const Task& task : snapshot.tasks) {
    if (task.tid) by_tid_.emplace(*task.tid, &task);
    if (task.tgid) by_tgid_.emplace(*task.tgid, &task);
    if (task.ppid) by_ppid_.emplace(*task.ppid, &task);
  }
}

const Task* TaskIndex::by_tid(std::int32_t tid) const {
  const auto at = by_tid_.find(tid);
  return at == by_tid_.end() ? nullptr : at->second;
}

std::vector<const Task*> TaskIndex::of_process(std::int32_t tgid) const {
  return values_of(by_tgid_, tgid);
}
std::vector<const Task*> TaskIndex::children_of(std::int32_t tgid) const {
  return values_of(by_ppid_, tgid);
}

}  // namespace unzap
