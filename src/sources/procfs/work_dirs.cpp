// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/work_dirs.hpp"

#include <fmt/format.h>

#include "snapshot/container.hpp"

namespace unzap {

void read_work_dirs(Reader& reader, const std::set<std::size_t>& chosen, std::vector<Task>& tasks) {
  std::vector<std::size_t> places;
  std::vector<ReadGroup> groups;
  for (const std::size_t i : chosen) {
    const Task& task = tasks[i];
    if (!task.is_leader() || !task.comm || !runtime_name(*task.comm)) continue;
    places.push_back(i);
    groups.push_back({fmt::format("{}/task/{}", *task.tgid, *task.tid), {{ReadKind::link, "cwd"}}});
  }
  if (groups.empty()) return;
  const auto answers = reader.run(groups, "asking runtimes for their containers");
  for (std::size_t i = 0; i < places.size(); ++i) tasks[places[i]].work_dir = answers[i][0].text;
}

}  // namespace unzap
