// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/exit.md.
#include "kernel/linux/exit.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

/// Init, one idle worker, and a child: the worker has let go of the io_wq and has not set PF_EXITING.
Driver in_the_window() {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  d.until_off(d.leader(), 0);
  d.until(
      d.worker(), [&](const State& now, const Task&) { return now.wqs[0].worker_refs == 0; }, 1);
  return d;
}

TEST(Exit, AThreadThatWaitsForItsWorkersCountsAsAlive) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  d.until_off(d.leader(), 0);
  EXPECT_EQ(d.top(d.leader()), Routine::io_wq_put_and_exit);
  EXPECT_FALSE(d.exiting(d.leader()));
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), d.leader());
}

TEST(Exit, TheLastThreadToEnterDoExitMarksTheGroup) {
  Scenario scenario = with_workers({WorkerStart::idle});
  scenario.processes[0].ends = Ending::exit;
  Driver d(scenario, "v6.1.192");
  d.until_off(d.leader(), 0);
  EXPECT_EQ(d.s.processes[0].group_exit, 0) << "exit(2) ends one thread only";
  d.until_takes(d.worker(), DoExit::exit_signals, 1);
  EXPECT_EQ(d.s.processes[0].group_exit, 1);
}

TEST(Exit, NamespacesGoBeforeTheLastTaskWorkAndBeforeExitNotify) {
  Driver d(plain(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_task_namespaces);
  EXPECT_EQ(d[d.leader()].works, 0);
  EXPECT_EQ(d[d.leader()].exit_state, ExitState::none);
  EXPECT_EQ(d[d.child()].parent, d.leader());
}

TEST(Exit, PfExitingComesBeforeTheFilesAndTheNamespaces) {
  Driver d(plain(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_signals);
  EXPECT_EQ(d.s.processes[0].files_users, 1);
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 2);
}

TEST(Exit, FindAliveThreadTakesTheFirstInCreationOrderWithoutPfExiting) {
  Driver d(with_workers({WorkerStart::idle, WorkerStart::idle}), k_kernel);
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), d.leader());
  d[d.leader()].flags |= k_pf_exiting;
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), d.worker(0)) << "io workers count";
  d[d.worker(0)].flags |= k_pf_exiting;
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), d.worker(1));
  d[d.worker(1)].flags |= k_pf_exiting;
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), k_no_task);
}

TEST(Exit, FindChildReaperTakesTheFirstThreadWithoutPfExiting) {
  Driver d = in_the_window();
  d.until_takes(d.leader(), ExitNotify::find_child_reaper, 0);
  EXPECT_EQ(d.s.pid_ns[0].child_reaper, d.worker());
  EXPECT_EQ(d[d.child()].parent, d.worker());
}

TEST(Exit, AThreadPastPfExitingDoesNotInheritTheRole) {
  Driver d = in_the_window();
  d.until_takes(d.worker(), DoExit::exit_signals, 1);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes, 0);
  EXPECT_EQ(d.s.pid_ns[0].child_reaper, d.leader());
}

TEST(Exit, TheHeirMaySetPfExitingAMomentLaterAndFindsItselfChildReaper) {
  Driver d = in_the_window();
  d.until_takes(d.leader(), ExitNotify::find_child_reaper, 0);
  d.until_in(d.worker(), Routine::zap_pid_ns_processes, 1);
  EXPECT_TRUE(d.exiting(d.worker()));
  EXPECT_EQ(d.s.pid_ns[0].child_reaper, d.worker());
}

TEST(Exit, ATaskThatIsNotChildReaperChangesNothingAboutIt) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::exit_notify);
  d.step(d.child());
  EXPECT_EQ(d.s.pid_ns[0].child_reaper, d.leader());
}

TEST(Exit, LeaderWithLiveThreadsStaysZombieAndUnreaped) {
  Driver d = in_the_window();
  d.until_takes(d.leader(), ExitNotify::become_zombie, 0);
  EXPECT_TRUE(delay_group_leader(d.config(), d.s, d.leader()));
  EXPECT_EQ(d.s.processes[0].notified_outside, 0);
  EXPECT_FALSE(d.offers(Environment::reap));
  d.until_off(d.leader(), 0);
  EXPECT_EQ(d[d.leader()].exit_state, ExitState::zombie);
}

TEST(Exit, AGroupIsEmptyOnlyWhenTheOtherThreadsAreReleased) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  EXPECT_FALSE(thread_group_empty(d.config(), d.s, 0));
  d[d.worker()].exit_state = ExitState::dead;
  EXPECT_FALSE(thread_group_empty(d.config(), d.s, 0));
  d[d.worker()].exit_state = ExitState::released;
  EXPECT_TRUE(thread_group_empty(d.config(), d.s, 0));
}

TEST(Exit, AThreadThatIsNotLeaderReapsItself) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  d.until_off(d.leader(), 0);
  d.until_takes(d.worker(), ExitNotify::become_zombie, 1);
  EXPECT_EQ(d[d.worker()].exit_state, ExitState::dead);
  const int pids = d.s.pid_ns[0].pid_allocated;
  d.until(
      d.worker(), [&](const State&, const Task& t) { return t.exit_state == ExitState::released; }, 1);
  EXPECT_EQ(d[d.worker()].exit_state, ExitState::released);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, pids - 1) << "becoming dead and freeing the pid are two steps";
}

TEST(Exit, ALeaderWhoseParentDoesNotIgnoreSigchldStaysForItsParent) {
  Driver d(plain(), k_kernel);
  d.enter(d.child(), Routine::exit_notify);
  d.step(d.child());
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
}

TEST(Exit, ALeaderWhoseParentIgnoresSigchldReapsItself) {
  Driver d(plain(), k_kernel);
  d.s.processes[0].sigchld_ignored = 1;
  d.enter(d.child(), Routine::exit_notify);
  d.step(d.child());
  EXPECT_EQ(d[d.child()].exit_state, ExitState::dead);
}

TEST(Exit, TheLastThreadReleasedAnnouncesTheProcess) {
  Scenario scenario = plain();
  add_sqpoll_thread(scenario.processes[1]);
  Driver d(scenario, k_kernel);
  const auto sq = static_cast<TaskNo>(d.child() + 1);
  d.until_off(d.leader(), 0);  // in do_wait(), the child is killed
  d.until_off(d.child(), 0);
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
  EXPECT_TRUE(d.asleep(d.leader())) << "the leader notified nobody";
  d.until(sq, [&](const State& now, const Task&) { return now.rcu.work_queued != 0; });
  d.until_off(sq);
  d.until_off(d.kworker());
  EXPECT_TRUE(d.asleep(d.leader()));
  d.until(sq, [&](const State&, const Task& t) { return t.exit_state == ExitState::released; });
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.child()].exit_state, ExitState::released) << "the leader goes in the same section";
}

TEST(Exit, ChildrenGoToALivingThreadElseToTheChildReaper) {
  Scenario scenario = with_workers({});
  own_ring_in_thread(scenario);
  Driver d(scenario, k_kernel);
  const auto thread = static_cast<TaskNo>(d.leader() + 1);
  d.enter(d.leader(), Routine::exit_notify);
  d[d.leader()].flags |= k_pf_exiting;
  d.step(d.leader());
  EXPECT_EQ(d[d.child()].parent, thread);
}

TEST(Exit, TheParentOutsideMayReapTheLeaderOnlyWhenItWasNotified) {
  Driver d(plain(), k_kernel);
  d.until_takes(d.leader(), DoExit::exit_signals);
  EXPECT_FALSE(d.offers(Environment::reap));
  d[d.child()].exit_state = ExitState::released;
  d.s.pid_ns[0].pid_allocated = 1;
  d.until_off(d.leader());
  EXPECT_EQ(d[d.leader()].exit_state, ExitState::zombie);
  d.fire(Environment::reap);
  EXPECT_EQ(d[d.leader()].exit_state, ExitState::released);
}

TEST(Exit, NothingAfterTheCancellationClearsTheNotifyFlagBeforeTheNamespaceIsZapped) {
  Driver d(with_workers({}), k_kernel);
  d.until(d.leader(), [&](const State& now, const Task&) { return now.wqs[0].exit != 0; });
  d[d.leader()].tif = k_tif_notify_signal;
  d.until_in(d.leader(), Routine::zap_pid_ns_processes);
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(Exit, ASubreaperOutsideGetsTheOrphanOnlyInOldKernels) {
  for (const bool stays : {true, false}) {
    Scenario s = plain();
    add_process(s, "exec", k_by_outside);
    add_process(s, "orphan", 2);
    s.outside.subreaper = true;
    s.environment.operator_kills = 1;
    Variant v = find_kernel("v5.15.162")->variant;
    Driver d(s, v.set(Switch::subreaper_stays_in_namespace, stays));
    const TaskNo orphan = d.find("orphan");
    EXPECT_EQ(d[orphan].parent, d.find("exec"));
    d.fire(Environment::operator_kill, d.find("exec"));
    d.until_takes(d.find("exec"), ExitNotify::forget_original_parent, 1);
    EXPECT_EQ(d[orphan].parent, stays ? d.leader() : k_outside);
  }
}

/// Init, a subreaper, its child which ends at once, and an orphan to be.
Scenario with_subreaper() {
  Scenario s = plain();
  s.processes[1].subreaper = true;
  add_process(s, "sh", 1).ends = Ending::exit_group;
  add_process(s, "orphan", 2);
  return s;
}

TEST(Exit, ASubreaperInsideTakesTheOrphanInAndReapsNobody) {
  Driver d(with_subreaper(), "v5.15.162");
  d.until_takes(d.find("sh"), ExitNotify::forget_original_parent, 1);
  EXPECT_EQ(d[d.find("orphan")].parent, d.child());
  EXPECT_EQ(d[d.find("sh")].exit_state, ExitState::zombie);
}

TEST(Exit, WithoutASubreaperTheOrphanIsInits) {
  Scenario s = with_subreaper();
  s.processes[1].subreaper = false;
  Driver d(s, "v5.15.162");
  d.until_takes(d.find("sh"), ExitNotify::forget_original_parent, 1);
  EXPECT_EQ(d[d.find("orphan")].parent, d.leader());
}

TEST(Exit, IfNoThreadOfTheSubreaperIsAliveTheSearchGoesOnUpwards) {
  Driver d(with_subreaper(), "v5.15.162");
  d[d.child()].flags |= k_pf_exiting;
  d.until_takes(d.find("sh"), ExitNotify::forget_original_parent, 1);
  EXPECT_EQ(d[d.find("orphan")].parent, d.leader());
}

TEST(Exit, WhatAFrozenSubreaperTookInStaysAZombieUntilItCanDie) {
  Scenario s = with_subreaper();
  s.processes[1].frozen = Freezer::v1;
  s.environment.thaws = true;
  Driver d(s, "v5.15.162");
  const TaskNo orphan = d.find("orphan");
  d.s.mnt_ns[0].refs = 2;  // somebody else holds the mounts
  d.until_off(d.find("sh"), 1);
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader())) << "it waits for the subreaper";
  d.until_off(orphan, 1);
  EXPECT_EQ(d[orphan].exit_state, ExitState::zombie);
  EXPECT_EQ(d[orphan].parent, d.child());
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 4);
  d.fire(Environment::thaw);
  d.until(
      d.child(),
      [&](const State& now, const Task&) { return now.tasks[orphan].exit_state == ExitState::released; }, 1);
}

}  // namespace
}  // namespace unzap::kernel
