// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unzap {

/// A line of /proc/<pid>/cgroup (proc_cgroup_show(), kernel/cgroup/cgroup.c): "6:freezer:/docker/ab",
/// "1:name=systemd:/init.scope", "0::/user.slice". Views into the line.
struct CgroupLine {
  std::string_view controllers;
  std::string_view path;

  bool unified() const { return controllers.empty(); }
  bool systemd() const { return controllers == "name=systemd"; }
  /// v1, perhaps together with others.
  bool freezer() const;
};
std::optional<CgroupLine> parse_cgroup_line(std::string_view line);

/// Paths out of /proc/<pid>/cgroup; empty when the hierarchy is not there.
struct CgroupPaths {
  std::string unified;  ///< "0::/path"
  std::string freezer;  ///< v1
  std::string systemd;  ///< v1 name=systemd

  /// The one that says most: the first that is not the root, else "/", else empty.
  const std::string& best() const;
  bool operator==(const CgroupPaths&) const = default;
};
CgroupPaths parse_cgroup(std::string_view text);

}  // namespace unzap
