// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/task.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// A folder, whatever its name is by now: of a cgroup the inode is the cgroup's id, which no other one gets.
struct FolderId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const FolderId&) const = default;
};

/// A cgroup that was asked to freeze by itself, not only through one above it.
struct FreezingCgroup {
  std::int32_t version = 2;  ///< 1 or 2
  std::string path;          ///< in its hierarchy
  std::string folder;        ///< "/sys/fs/cgroup/kubepods/..."
  FolderId id;

  /// The file that thaws it, without the folder, and what to write into it.
  std::string file() const { return version == 1 ? "freezer.state" : "cgroup.freeze"; }
  std::string value() const { return version == 1 ? "THAWED" : "0"; }
  bool operator==(const FreezingCgroup&) const = default;
};

/// A thread that runs again when a cgroup is thawed.
struct FrozenTask {
  TaskId id;
  std::int32_t tgid = 0;
  std::string comm;
  std::string container;  ///< id, by the path of its cgroup; empty: none
  bool dying = false;     ///< on its way out, or SIGKILL is pending: it runs to its death

  bool operator==(const FrozenTask&) const = default;
};

/// What freezes one task, and who else is held by it.
struct FreezerView {
  TaskId task;
  std::string cgroup;   ///< the path of its cgroup in the hierarchy of the one to thaw
  bool frozen = false;  ///< the freeze of its own cgroup is complete
  /// On the way from the root to its cgroup, the innermost last. It runs again only when all are thawed.
  /// The innermost is the one to thaw first: nobody runs before the last one is.
  std::vector<FreezingCgroup> freezing;
  /// Everybody in and below the innermost.
  std::vector<FrozenTask> crowd;
  /// What could not be read, a sentence each. Not empty: nobody knows who else would run.
  std::vector<std::string> gaps;

  bool operator==(const FreezerView&) const = default;
};

/// Where to look; tests have a host of files.
struct HostPlaces {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
  std::string fuse = "/sys/fs/fuse/connections";
};

/// At most this many cgroups and threads are looked at; more is a gap.
inline constexpr std::size_t k_most_cgroups = 2000;
inline constexpr std::size_t k_most_frozen = 20000;

/// Looks at what freezes this task. Of a task that is gone, or whose number another has, `gaps` says so.
/// Nothing is taken from an earlier look. `reader` reads `places.proc`.
FreezerView look_at_freezer(Reader& reader, const TaskId& task, const HostPlaces& places);

}  // namespace unzap
