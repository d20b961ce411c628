// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "risk/node_view.hpp"
#include "sources/procfs/procfs_source.hpp"
#include "util/result.hpp"

namespace unzap {

/// Who uses io_uring on this node, for `unzap risk`: every thread by its stat file, then of the processes in
/// containers their namespaces, status, cgroup and where their open files lead. The same limits as
/// read_procfs; sample_seconds means nothing here.
Result<NodeView> read_node_view(const ProcfsOptions& options);

}  // namespace unzap
