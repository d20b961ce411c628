// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshot/snapshot.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Who uses io_uring in which container, into the tasks of `snapshot`, of which read_threads() has put in the
/// stat lines. Of every process's leader, kernel threads left out: pid_ns. Of those outside the first pid
/// namespace, and of those with a thread that io_uring made: ns_pids, mnt_ns, cgroup, container and rings. Of
/// the first process and kthreadd mnt_ns, which is the host's. What is known already stays.
///
/// Where an open file leads is the kernel's own text (proc_pid_readlink(), fs/proc/base.c), read without a
/// look at the file system behind it. Processes with very many open files have rings not_asked.
void read_rings(Reader& reader, Snapshot& snapshot);

}  // namespace unzap
