// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/block_io_wait.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/rules/site_rule.hpp"
#include "util/text.hpp"

namespace unzap {

namespace {

/// Where a task waits, as mountinfo writes it: "/data xfs 7:0 /dev/loop0".
struct Mount {
  std::string point;  ///< as its container sees it
  std::string type;
  std::string device;  ///< "7:0"
  std::string source;
};

std::optional<Mount> mount_of(const std::vector<const Task*>& tasks) {
  for (const Task* task : tasks) {
    if (!task->file_system) continue;
    const auto words = split_words(*task->file_system);
    if (words.size() != 4) continue;
    return Mount{printable(words[0], 128), printable(words[1], 32), printable(words[2], 16),
                 printable(words[3], 128)};
  }
  return std::nullopt;
}

/// Says which file system it is, and how to thaw it by the number of its device: where the host has it
/// mounted, the container's mount point does not tell.
void name_mount(Finding& finding, const SiteHits& hits) {
  const auto mount = mount_of(hits.tasks);
  if (!mount) return;
  const Task& first = *hits.tasks.front();
  finding.summary += fmt::format("; the file is on {} ({}, {})", mount->point, mount->type, mount->source);
  finding.add_evidence(place_of(first) + "/mountinfo",
                       fmt::format("{}: {} is {}, device {}, of {}", first.label(), mount->point, mount->type,
                                   mount->device, mount->source));
  const bool number = mount->device.find_first_not_of("0123456789:") == std::string::npos;
  if (number) fill_in(finding, "MOUNTPOINT", fmt::format("\"$(findmnt -nfo TARGET -S {})\"", mount->device));
}

Finding make(const WaitGraph& graph, const SiteHits& hits) {
  Finding finding = site_finding(graph, CauseId::block_io_wait, hits);
  advise(finding);
  name_mount(finding, hits);
  const WaitSite* site = graph.site_of(*hits.tasks.front());
  const auto thaw = std::find_if(finding.remedies.begin(), finding.remedies.end(),
                                 [](const Remedy& remedy) { return remedy.id == "thaw"; });
  if (site != nullptr && site->object.frozen_fs && thaw != finding.remedies.end())
    std::rotate(finding.remedies.begin(), thaw, thaw + 1);
  return finding;
}

}  // namespace

Findings block_io_wait(const WaitGraph& graph) {
  return findings_of(graph, per_jam(graph, site_hits(graph, CauseId::block_io_wait)), make);
}

}  // namespace unzap
