// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rescue/freezer_view.hpp"
#include "snapshot/reading.hpp"
#include "snapshot/task.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// A FUSE connection as /sys/fs/fuse/connections shows it.
struct FuseConnection {
  std::uint32_t number = 0;       ///< its device number as the kernel holds it; for `fuse` the N of 0:N
  Reading<std::int64_t> waiting;  ///< requests without an answer, the least of all looks
  FolderId folder;

  /// A request could have been without an answer in every look; what could not be read counts.
  bool may_be_stuck() const { return waiting.value_or(1) > 0; }
  bool operator==(const FuseConnection&) const = default;
};

/// A mount of a file system that asks a server, as mountinfo shows it.
struct FuseMount {
  std::uint32_t number = 0;  ///< of the connection; a virtiofs connection is not listed
  std::string mount_point, type, source;

  bool operator==(const FuseMount&) const = default;
};

/// A task that waits for a server's answer.
struct FuseWaiter {
  TaskId task;
  bool waits = false;   ///< in the first and the last look it was in FUSE, and had not moved in between
  std::string why_not;  ///< when it does not
  Reading<std::vector<FuseMount>> mounts;  ///< of its mount namespace; gone: it has none any more
  std::int32_t mounts_of = 0;  ///< whose mountinfo it was: its own, or of a task in the same namespace

  bool operator==(const FuseWaiter&) const = default;
};

/// A process that has a connection's /dev/fuse open, as fdinfo says (6.16 and later).
struct FuseServer {
  std::uint32_t number = 0;
  std::int32_t pid = 0;
  std::string comm;
  std::string container;  ///< id, by its cgroup; empty: none
  bool host = false;      ///< its pid namespace is that of unzap

  bool operator==(const FuseServer&) const = default;
};

/// What there is of FUSE on this host, in looks some time apart.
struct FuseView {
  bool listed = false;  ///< fusectl is mounted, and the connections were read to the end
  std::string why_not;  ///< when not listed: what to do
  int looks = 0;
  std::vector<FuseConnection> connections;  ///< all of the host, by number
  std::vector<FuseMount> own_mounts;        ///< of unzap's mount namespace
  std::vector<FuseWaiter> waiters;
  std::vector<FuseServer> servers;  ///< of connections that may be stuck

  bool operator==(const FuseView&) const = default;
};

/// Who is asked for: a task, and others that are known to be in the same mount namespace.
struct FuseQuestion {
  TaskId task;
  std::vector<TaskId> same_mounts;
};

struct FuseLooks {
  int count = 3;
  double seconds_apart = 0.1;
  bool servers = true;  ///< look for them, too
};

/// Looks at the connections `looks.count` times, and before and after that at each waiter: so the connection
/// that a waiter waits for has a request without an answer in every look.
FuseView look_at_fuse(Reader& reader, const std::vector<FuseQuestion>& questions, const FuseLooks& looks,
                      const HostPlaces& places);

/// The mounts of a mountinfo text that ask a server.
std::vector<FuseMount> fuse_mounts(std::string_view mountinfo);

/// Whether one connection alone can be the one that a task waits for. Pure.
struct FuseTie {
  std::optional<FuseConnection> connection;  ///< nothing: `why` says why not
  FuseMount mount;
  std::string why;

  bool operator==(const FuseTie&) const = default;
};

/// Ties `task` to its connection: the only one on the host that may be stuck, and a mount of the task's.
/// Where another may be stuck, too, it can be that one: a file may have been opened, or passed on, from
/// anywhere.
FuseTie tie_of(const FuseView& view, const TaskId& task);

/// "connection 45 (fuse.sshfs at /mnt, server sshfs[12] of the host)", or what is known of that.
std::string described(const FuseView& view, const FuseConnection& connection);

}  // namespace unzap
