// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/containers.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "linux/cgroup.hpp"
#include "snapshot/container.hpp"

namespace unzap {

void read_containers(Reader& reader, Snapshot& snapshot) {
  std::vector<Task*> leaders;
  std::vector<ReadGroup> groups;
  for (Task& task : snapshot.tasks) {
    const bool kernel_thread = (task.flags.value_or(0) & k_pf_kthread) != 0;
    if (!task.is_leader() || kernel_thread || task.cgroup) continue;
    leaders.push_back(&task);
    groups.push_back({std::to_string(*task.tid), {{ReadKind::file, "cgroup"}}});
  }
  reader.run(groups, "asking for containers", [&](std::size_t group, std::size_t, const ReadResult& answer) {
    take_cgroup(answer, *leaders[group]);
  });
}

void take_cgroup(const ReadResult& answer, Task& task) {
  if (task.cgroup) return;
  if (!answer.text) {
    task.cgroup = *answer.text.absence();
    task.container = *answer.text.absence();
    return;
  }
  const std::string path = parse_cgroup(*answer.text).best();
  if (path.empty()) return;
  task.cgroup = path;
  if (const std::string_view id = container_id(path); !id.empty()) task.container = std::string(id);
}

}  // namespace unzap
