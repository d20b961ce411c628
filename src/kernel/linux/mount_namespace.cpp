// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/mount_namespace.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"

namespace unzap::kernel {
namespace {

/// exit_task_namespaces() whose nsproxy reference was the last, down to put_mnt_ns().
void exit_task_namespaces(Step& x) {
  x.tail_call(Routine::free_nsproxy);
  x.tail_call(Routine::put_mnt_ns);
  x.at_once();
}

// put_mnt_ns(), step by step.

void drop_reference(Step& x) {
  if (--x.mnt_ns().refs == 0) return x.say("last reference to the mount namespace");
  x.say("the mount namespace is held elsewhere too");
  x.ret();
}

void umount_tree(Step& x) {
  if (x.s.namespace_sem != 0) {
    x.say("waits for namespace_sem");
    return sleep_in(x, RunState::uninterruptible);
  }
  x.s.namespace_sem = 1;
  x.say("umount_tree(): takes all mounts down");
  x.tail_call(Routine::namespace_unlock);
}

// namespace_unlock(), step by step.

void up_namespace_sem(Step& x) {
  x.s.namespace_sem = 0;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no)
    if (is_in(x.s.tasks[no], Routine::put_mnt_ns)) wake_up(x.s, no, mask_of(RunState::uninterruptible));
  x.say("gives namespace_sem back; the mounts may go after a grace period");
  x.call(Routine::synchronize_rcu_expedited);
}

void mntput(Step& x) {
  x.mnt_ns().gone = 1;
  x.say("mntput(): the mount namespace is gone");
  x.ret();
}

constexpr Program k_programs[] = {
    {.routine = Routine::exit_task_namespaces,
     .function = "exit_task_namespaces",
     .file = "kernel/nsproxy.c",
     .frames = {"switch_task_namespaces", "exit_task_namespaces"},
     .steps = {{exit_task_namespaces, {.own_container = true}}}},
    {.routine = Routine::free_nsproxy,
     .function = "free_nsproxy",
     .file = "kernel/nsproxy.c",
     .frames = {"free_nsproxy"}},
    {.routine = Routine::put_mnt_ns,
     .function = "put_mnt_ns",
     .file = "fs/namespace.c",
     .frames = {"put_mnt_ns"},
     .steps =
         {
             {PutMntNs::drop_reference, drop_reference, {.own_container = true}},
             {PutMntNs::umount_tree, umount_tree, {.might_sleep = true}},
         }},
    {.routine = Routine::namespace_unlock,
     .function = "namespace_unlock",
     .file = "fs/namespace.c",
     .frames = {"namespace_unlock"},
     .steps =
         {
             {NamespaceUnlock::up_namespace_sem, up_namespace_sem},
             {NamespaceUnlock::mntput, mntput},
         }},
};

}  // namespace

std::span<const Program> mount_namespace_programs() {
  return k_programs;
}

}  // namespace unzap::kernel
