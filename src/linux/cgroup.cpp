// SPDX-License-Identifier: Apache-2.0
#include "linux/cgroup.hpp"

#include "snapshot/container.hpp"
#include "util/scan.hpp"
#include "util/text.hpp"

namespace unzap {

bool CgroupLine::freezer() const {
  std::string_view rest = controllers;
  while (!rest.empty()) {
    if (eat_while(rest, [](char c) { return c != ','; }) == "freezer") return true;
    eat(rest, ",");
  }
  return false;
}

std::optional<CgroupLine> parse_cgroup_line(std::string_view line) {
  if (eat_while(line, is_digit).empty() || !eat(line, ":")) return std::nullopt;
  CgroupLine out;
  out.controllers = eat_while(line, [](char c) { return c != ':'; });
  if (!eat(line, ":") || !line.starts_with('/')) return std::nullopt;
  out.path = line;
  return out;
}

const std::string& CgroupPaths::best() const {
  // On a host with both versions the unified path may be that of the runtime:
  // "/system.slice/containerd.service".
  for (const std::string* path : {&unified, &freezer, &systemd})
    if (!container_id(*path).empty()) return *path;
  for (const std::string* path : {&unified, &freezer, &systemd})
    if (!path->empty() && *path != "/") return *path;
  for (const std::string* path : {&unified, &freezer})
    if (!path->empty()) return *path;
  return systemd;
}

CgroupPaths parse_cgroup(std::string_view text) {
  CgroupPaths out;
  while (!text.empty()) {
    const auto line = parse_cgroup_line(take_line(text));
    if (!line) continue;
    if (line->unified()) out.unified = line->path;
    if (line->systemd()) out.systemd = line->path;
    if (line->freezer()) out.freezer = line->path;
  }
  return out;
}

}  // namespace unzap
