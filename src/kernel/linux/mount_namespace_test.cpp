// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/mount_namespace.md.
#include "kernel/linux/mount_namespace.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v6.1.94";

/// Init is through with its own exit and waits for its child, which is killed and runs on CPU 1.
Driver child_dies(const Scenario& scenario) {
  Driver d(scenario, k_kernel);
  d.until_off(d.leader(), 0);
  return d;
}

TEST(MountNamespace, EveryThreadHoldsTheBundle) {
  Scenario scenario = with_workers({WorkerStart::idle});
  add_sqpoll_thread(scenario.processes[1]);
  EXPECT_EQ(Driver(scenario, k_kernel).s.mnt_ns[0].nsproxy_refs, 4) << "workers and SQPOLL threads too";
}

TEST(MountNamespace, AThreadThatIsNotTheLastUserGoesOn) {
  Driver d(plain(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_task_namespaces);
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 1);
  EXPECT_EQ(d.top(d.leader()), Routine::do_exit);
  EXPECT_EQ(d.s.mnt_ns[0].refs, 1);
}

TEST(MountNamespace, TheReaperHoldsNoReferenceAnyMoreTheChildIsTheLastUser) {
  Driver d = child_dies(plain());
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 1);
  d.until_takes(d.child(), DoExit::exit_task_namespaces, 1);
  EXPECT_EQ(d.top(d.child()), Routine::exit_task_namespaces);
}

TEST(MountNamespace, LastReferenceWaitsForAGracePeriodWithoutNamespaceSem) {
  Driver d = child_dies(plain());
  d.until_takes(d.child(), PutMntNs::umount_tree, 1);
  EXPECT_EQ(d.s.namespace_sem, 1);
  d.until_off(d.child(), 1);
  EXPECT_EQ(d.top(d.child()), Routine::synchronize_rcu_expedited);
  EXPECT_EQ(d.s.namespace_sem, 0);
  EXPECT_EQ(d.s.mnt_ns[0].gone, 0);
}

TEST(MountNamespace, TheWaitingThreadIsUninterruptibleAndAliveToItsParent) {
  Driver d = child_dies(plain());
  d.until_off(d.child(), 1);
  EXPECT_EQ(d[d.child()].run_state, RunState::uninterruptible);
  EXPECT_EQ(d[d.child()].exit_state, ExitState::none);
  EXPECT_TRUE(d.exiting(d.child()));
  d[d.child()].tif = k_tif_sigpending;
  EXPECT_FALSE(wake_up(d.s, d.child(), k_wake_interruptible)) << "SIGKILL does not end the wait";
}

TEST(MountNamespace, TheMountsGoAfterTheGracePeriod) {
  Driver d = child_dies(plain());
  d.until_off(d.child(), 1);
  d.until_off(d.kworker(), 1);
  d.until_takes(d.child(), NamespaceUnlock::mntput, 1);
  EXPECT_EQ(d.s.mnt_ns[0].gone, 1);
  EXPECT_EQ(d.s.rcu.done, 1);
}

TEST(MountNamespace, AReferenceOutsideMovesTheTeardownAway) {
  Scenario scenario = plain();
  scenario.containers[0].outside_holders = 1;
  Driver d = child_dies(scenario);
  d.until_takes(d.child(), PutMntNs::drop_reference, 1);
  EXPECT_EQ(d.top(d.child()), Routine::do_exit);
  EXPECT_EQ(d.s.mnt_ns[0].refs, 1);
}

TEST(MountNamespace, ATakenNamespaceSemIsWaitedFor) {
  Driver d = child_dies(plain());
  d.s.namespace_sem = 1;
  d.until_off(d.child(), 1);
  EXPECT_EQ(d.top(d.child()), Routine::put_mnt_ns);
  EXPECT_EQ(d[d.child()].run_state, RunState::uninterruptible);
  EXPECT_EQ(d.s.rcu.work_queued, 0);
}

TEST(MountNamespace, DroppingTheBundleIsAReschedPointUnderVoluntaryPreemption) {
  for (const Preempt preempt : {Preempt::none, Preempt::voluntary}) {
    Driver d(plain(), k_kernel, preempt);
    d.until_takes(d.leader(), DoExit::exit_signals);
    d.s.need_resched = 1;
    d.step(d.leader());
    EXPECT_EQ(d.s.current[0] == k_no_task, preempt == Preempt::voluntary) << name(preempt);
  }
}

}  // namespace
}  // namespace unzap::kernel
