// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/snapshot.hpp"

namespace unzap {

/// A thread that io_uring made (PF_IO_WORKER): io_uring/io-wq.c names it
/// iou-wrk-<tid>, io_uring/sqpoll.c iou-sqp-<tid>, after the thread that
/// created it, as the first pid namespace numbers it.
struct IoThread {
  std::int32_t tid = 0;
  std::string comm;
  bool sqpoll = false;
  Reading<std::int32_t> creator;  ///< by the name
  std::string creator_comm;       ///< empty: no thread of that number in the process,
                                  ///< as we see it

  bool operator==(const IoThread&) const = default;
};

/// A process as far as it matters whether its end can jam the node. `leader` is
/// never null.
struct RiskProcess {
  const Task* leader = nullptr;
  std::vector<IoThread> io_threads;  ///< by number

  Reading<std::int32_t> own_pid() const;  ///< in its own pid namespace; 1: the init of it
  std::string pod() const;                ///< uid of the Kubernetes pod; empty: none, or not known
  /// Threads of io_uring, or rings among its open files; absent when it has
  /// none of the former at the moment and its files could not be read.
  Reading<bool> uses_io_uring() const;
};

/// The processes of a snapshot, kernel threads left out, that are in a
/// container or have threads of io_uring. Points into the snapshot and must not
/// outlive it.
struct RiskNode {
  std::vector<RiskProcess> processes;
  Reading<std::uint64_t> host_mnt_ns;  ///< of the node's first process
  std::vector<std::string> gaps;       ///< what could not be seen, or was not recorded, and what to do
};
RiskNode risk_node_of(const Snapshot& snapshot);

}  // namespace unzap
