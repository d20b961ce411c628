// SPDX-License-Identifier: Apache-2.0
#include "report/check/roles.hpp"

namespace unzap {

std::string role_of(const kernel::Config& config, kernel::TaskNo no) {
  const kernel::TaskInfo& task = config.tasks[no];
  const bool several = config.containers.size() > 1;
  std::string of = several ? " of another container" : " of the container";
  if (several && task.container == 0) of = " of the first container";
  if (no == config.kworker) return "the kernel's worker that drives expedited RCU grace periods";
  if (no == config.outside) return "a process outside the container";
  if (task.worker_of != 0xff)
    return "an io-wq worker, a thread of " + config.tasks[config.wqs[task.worker_of].owner].comm;
  const kernel::ProcessInfo& process = config.process_of(no);
  const std::string leader = config.tasks[process.leader].comm;
  if (task.sqpoll) return "the SQPOLL thread of " + leader;
  if (!task.leader) return "another thread of " + leader;
  if (process.unkillable) return "the init" + of + ", pid 1 of its pid namespace";
  if (process.forked_outside) return "a member of the pid namespace whose parent lies outside";
  if (process.has_fuse_dev && !process.has_fuse_file)
    return "the FUSE server, a process of the same namespaces";
  if (config.process_of(process.parent).unkillable) return "a child of the init" + of;
  return "a child of " + config.tasks[process.parent].comm;
}

}  // namespace unzap
