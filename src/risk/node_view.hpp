// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/reading.hpp"

namespace unzap {

/// Inode of the first pid namespace, PROC_PID_INIT_INO of include/linux/proc_ns.h: it never dies.
inline constexpr std::uint64_t k_first_pid_ns = 4026531836;

/// A thread that io_uring made (PF_IO_WORKER): io_uring/io-wq.c names it iou-wrk-<tid>, io_uring/sqpoll.c
/// iou-sqp-<tid>, after the thread that created it, as the first pid namespace numbers it.
struct IoThread {
  std::int32_t tid = 0;
  std::string comm;
  bool sqpoll = false;
  Reading<std::int32_t> creator;  ///< by the name
  std::string creator_comm;       ///< empty: no thread of that number in the process, as we see it

  bool operator==(const IoThread&) const = default;
};

/// A process as far as it matters whether its end can jam the node.
struct ViewedProcess {
  std::int32_t pid = 0;
  std::string comm;
  Reading<std::uint64_t> pid_ns;  ///< inode of ns/pid
  Reading<std::uint64_t> mnt_ns;  ///< inode of ns/mnt
  Reading<std::int32_t> own_pid;  ///< its number in its own pid namespace; 1: the init of it
  Reading<std::string> container;
  Reading<std::int32_t> rings;  ///< open files that are rings; of processes outside containers not asked
  std::vector<IoThread> io_threads;
  std::string pod;  ///< uid of the Kubernetes pod; empty: none, or not known

  bool operator==(const ViewedProcess&) const = default;
};

/// All processes of a node, but kernel threads, that are in a container or have threads of io_uring.
struct NodeView {
  std::vector<ViewedProcess> processes;
  Reading<std::uint64_t> host_mnt_ns;  ///< of the node's first process
  std::size_t threads = 0;             ///< how many were looked at
  std::vector<std::string> gaps;       ///< what could not be seen
};

/// Who created the thread of this name: the number behind "iou-wrk-" or "iou-sqp-".
Reading<std::int32_t> creator_in(std::string_view comm);

}  // namespace unzap
