// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/containers.hpp"

#include <string>

#include "linux/cgroup.hpp"
#include "sources/procfs/reader.hpp"
#include "sources/procfs/threads.hpp"

namespace unzap {
namespace {

ReadLimits limits_of(const ProcfsOptions& options) {
  ReadLimits limits;
  limits.read_seconds = options.read_timeout_seconds;
  limits.total_seconds = options.total_timeout_seconds;
  return limits;
}

}  // namespace

Result<Containers> containers_of_host(const ProcfsOptions& options) {
  Reader reader(options.root, limits_of(options), options.progress);
  const auto listed = reader.run({{".", {{ReadKind::numbers, "."}}}}, "listing processes");
  if (!listed[0][0].text)
    return Error{ErrorKind::io, "cannot list processes", options.root, "check --path.procfs"};
  const std::vector<std::int32_t> pids = numbers_of(*listed[0][0].text);
  std::vector<ReadGroup> groups;
  for (const std::int32_t pid : pids) groups.push_back({std::to_string(pid), {{ReadKind::file, "cgroup"}}});
  Containers out;
  reader.run(groups, "asking for containers", [&](std::size_t group, std::size_t, ReadResult answer) {
    if (const Absence* why = answer.text.absence()) {
      out.complete &= *why == Absence::gone;
      return;
    }
    Container found = container_of(parse_cgroup(*answer.text).best());
    if (!found.id.empty() || !found.pod.empty()) out.processes.push_back({pids[group], std::move(found)});
  });
  return out;
}

}  // namespace unzap
