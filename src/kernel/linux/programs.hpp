// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "kernel/machine/program.hpp"

namespace unzap::kernel {

// The routines of each kernel file, as tables of their steps: a function for each source that defines some.
std::span<const Program> coredump_programs();
std::span<const Program> exit_programs();
std::span<const Program> freezer_programs();
std::span<const Program> fuse_programs();
std::span<const Program> io_uring_programs();
std::span<const Program> io_work_programs();
std::span<const Program> io_worker_programs();
std::span<const Program> io_wq_programs();
std::span<const Program> mount_namespace_programs();
std::span<const Program> outside_programs();
std::span<const Program> pid_namespace_programs();
std::span<const Program> rcu_programs();
std::span<const Program> signal_programs();
std::span<const Program> task_work_programs();
std::span<const Program> wait_programs();

}  // namespace unzap::kernel
