// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/catalogue.hpp"

#include "diagnosis/rules/block_io_wait.hpp"
#include "diagnosis/rules/cgroup_lock.hpp"
#include "diagnosis/rules/coredump_wait.hpp"
#include "diagnosis/rules/exit_path_wait.hpp"
#include "diagnosis/rules/frozen_cgroup.hpp"
#include "diagnosis/rules/fuse_request.hpp"
#include "diagnosis/rules/hung_task.hpp"
#include "diagnosis/rules/io_uring_exit.hpp"
#include "diagnosis/rules/members_not_visible.hpp"
#include "diagnosis/rules/mm_lock_wait.hpp"
#include "diagnosis/rules/netns_reference_leak.hpp"
#include "diagnosis/rules/network_fs_wait.hpp"
#include "diagnosis/rules/oom_kill.hpp"
#include "diagnosis/rules/rcu_held_up.hpp"
#include "diagnosis/rules/reaper_busy_loop.hpp"
#include "diagnosis/rules/reaper_second_loop_spin.hpp"
#include "diagnosis/rules/runtime_does_not_reap.hpp"
#include "diagnosis/rules/soft_lockup.hpp"
#include "diagnosis/rules/traced_member.hpp"
#include "diagnosis/rules/uninterruptible_member.hpp"
#include "diagnosis/rules/unreaped_by_outside_parent.hpp"
#include "diagnosis/rules/zombie_under_live_parent.hpp"

namespace unzap {

const std::vector<Cause>& catalogue() {
  constexpr CauseKind k_else = CauseKind::stuck_else;
  constexpr CauseKind k_harmless = CauseKind::harmless;
  static const std::vector<Cause> causes = {
      {"reaper-busy-loop", "the last thread of a dying init spins in zap_pid_ns_processes() and holds RCU up",
       reaper_busy_loop, "docs/causes/reaper-busy-loop.md"},
      {"reaper-second-loop-spin", "a dying init burns a CPU in the second loop of zap_pid_ns_processes()",
       reaper_second_loop_spin, "docs/causes/reaper-second-loop-spin.md"},
      {"frozen-cgroup", "a freezer holds a member, or whom it waits for", frozen_cgroup,
       "docs/causes/frozen-cgroup.md"},
      {"unreaped-by-outside-parent",
       "a zombie of the namespace has its parent outside, and that does not reap", unreaped_by_outside_parent,
       "docs/causes/unreaped-by-outside-parent.md"},
      {"runtime-does-not-reap", "a container's init is dead, and its runtime's process does not reap it",
       runtime_does_not_reap, "docs/causes/runtime-does-not-reap.md"},
      {"traced-member", "a member belongs to a tracer that does not let go", traced_member,
       "docs/causes/traced-member.md"},
      {"fuse-request", "a task waits for a FUSE server", fuse_request, "docs/causes/fuse-request.md"},
      {"network-fs-wait", "a task waits for an NFS, SMB, Ceph or 9p server", network_fs_wait,
       "docs/causes/network-fs-wait.md"},
      {"netns-reference-leak", "a network namespace cannot go", netns_reference_leak,
       "docs/causes/netns-reference-leak.md"},
      {"rcu-held-up", "an RCU grace period is held up by something that is no dying init", rcu_held_up,
       "docs/causes/rcu-held-up.md"},
      {"io-uring-exit", "io_uring's own exit or cancel path, a worker, or a ring lock", io_uring_exit,
       "docs/causes/io-uring-exit.md"},
      {"cgroup-lock", "cgroup mutex or destroy work", cgroup_lock, "docs/causes/cgroup-lock.md"},
      {"coredump-wait", "threads are parked for a core dump", coredump_wait, "docs/causes/coredump-wait.md"},
      {"mm-lock-wait", "mmap lock or memory cgroup", mm_lock_wait, "docs/causes/mm-lock-wait.md"},
      {"block-io-wait", "journal, block layer, md, loop, write-back", block_io_wait,
       "docs/causes/block-io-wait.md"},
      {"exit-path-wait", "another wait inside do_exit()", exit_path_wait, "docs/causes/exit-path-wait.md"},
      {"uninterruptible-member", "a member in D, and nothing tells why", uninterruptible_member,
       "docs/causes/uninterruptible-member.md"},
      {"members-not-visible", "the reaper waits, and the evidence does not show for whom",
       members_not_visible, "docs/causes/members-not-visible.md"},
      {"soft-lockup", "look-alike: a task that is no dying init holds a CPU", soft_lockup,
       "docs/causes/soft-lockup.md", k_else},
      {"hung-task", "look-alike: a task is blocked at a place that no cause knows", hung_task,
       "docs/causes/hung-task.md", k_else},
      {"oom-kill", "look-alike: the kernel killed a process for want of memory", oom_kill,
       "docs/causes/oom-kill.md", k_harmless},
      {"zombie-under-live-parent", "look-alike: a zombie whose parent runs and has not reaped it",
       zombie_under_live_parent, "docs/causes/zombie-under-live-parent.md", k_harmless},
  };
  return causes;
}

const Cause* cause(std::string_view id) {
  for (const Cause& known : catalogue())
    if (known.id == id) return &known;
  return nullptr;
}

}  // namespace unzap
