// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/mount_namespace.hpp"

#include "kernel/linux/sched.hpp"

namespace unzap::kernel {

void step_exit_task_namespaces(Step& x) {
  x.call(Routine::free_nsproxy, k_tail);
  x.call(Routine::put_mnt_ns, k_tail);
  step_put_mnt_ns(x);
}

void step_put_mnt_ns(Step& x) {
  x.in(Routine::put_mnt_ns);
  State& s = x.s;
  if (x.me().stack[x.me().depth - 1U].step == 0) {
    if (--x.mnt_ns().refs > 0) {
      x.say("the mount namespace is held elsewhere too");
      return x.ret();
    }
    x.say("last reference to the mount namespace");
    return x.at(1);
  }
  if (might_sleep(x)) return;
  if (s.namespace_sem != 0) {
    x.say("waits for namespace_sem");
    return sleep_in(x, RunState::uninterruptible);
  }
  s.namespace_sem = 1;
  x.say("umount_tree(): takes all mounts down");
  x.call(Routine::namespace_unlock, k_tail);
}

void step_namespace_unlock(Step& x) {
  State& s = x.s;
  if (x.me().stack[x.me().depth - 1U].step == 0) {
    s.namespace_sem = 0;
    for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
      const Task& task = s.tasks[no];
      if (task.depth > 0 && task.stack[task.depth - 1U].routine == Routine::put_mnt_ns)
        wake_up(s, no, mask_of(RunState::uninterruptible));
    }
    x.say("gives namespace_sem back; the mounts may go after a grace period");
    return x.call(Routine::synchronize_rcu_expedited, 1);
  }
  x.mnt_ns().gone = 1;
  x.say("mntput(): the mount namespace is gone");
  x.ret();
}

}  // namespace unzap::kernel
