// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <vector>

#include "snapshot/task.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Fills in where the runtime processes among `chosen` work: containerd's shim and conmon work in a folder
/// that bears the id of their container. Where the link leads is the kernel's own text (proc_pid_readlink(),
/// fs/proc/base.c: d_path(), without a look at the file system), so it cannot block on one; the command line,
/// which has the id too, lies in the process's memory and may.
void read_work_dirs(Reader& reader, const std::set<std::size_t>& chosen, std::vector<Task>& tasks);

}  // namespace unzap
