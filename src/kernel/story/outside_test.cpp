// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/outside.md.
#include "kernel/story/outside.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v6.1.192";

Variant without(Switch one) {
  Variant v = find_kernel(k_kernel)->variant;
  return v.set(one, false);
}
Variant with(Switch one) {
  Variant v = find_kernel(k_kernel)->variant;
  return v.set(one, true);
}

/// An init without a child, and a task outside that does `act`.
Scenario alone(OutsideAct act) {
  Scenario s = plain();
  s.processes.pop_back();
  s.containers[0].outside_holders = 1;  // init is not the last user of the mount namespace
  s.outside.act = act;
  return s;
}

Scenario forks() {
  Scenario s = alone(OutsideAct::fork);
  add_process(s, "exec", k_by_outside).starts = ProcessStart::unborn;
  return s;
}

/// A zombie with a parent outside, which is about to do `act`; init is in its second wait.
Scenario pinned(OutsideAct act) {
  Scenario s = alone(act);
  add_process(s, "exec", k_by_outside).starts = ProcessStart::zombie;
  return s;
}

/// The task outside has a pid number for its child, and init walks the namespace and kills everybody.
Driver number_then_kill_walk(const Variant& variant) {
  Driver d(forks(), variant);
  d.fire(Environment::act);
  d.until_at(d.config().outside, CopyProcess::attach_pid, 1);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  return d;
}

TEST(Fork, PublishedAfterTheKillWalkEscapesItWithoutTheCheck) {
  Driver d = number_then_kill_walk(without(Switch::fork_checks_namespace));
  d.until(
      d.config().outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
  const TaskNo injected = d.find("exec");
  EXPECT_EQ(d[injected].exit_state, ExitState::none);
  EXPECT_EQ(d[injected].flags & k_sigkill_private, 0);
  EXPECT_FALSE(d.sigpending(injected));
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d.top(d.leader()), Routine::zap_pid_ns_processes);
}

TEST(Fork, TheCheckFreesTheNumberAndWakesTheReaper) {
  Driver d = number_then_kill_walk(find_kernel(k_kernel)->variant);
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader())) << "the number counts although nobody has it yet";
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 2);
  d.until(
      d.config().outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 1);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_EQ(d[d.find("exec")].exit_state, ExitState::released);
}

TEST(Fork, IntoAClosedNamespaceGetsNoNumber) {
  Driver d(forks(), without(Switch::fork_checks_namespace));
  d.until_takes(d.leader(), ZapPidNsProcesses::disable_pid_allocation, 0);
  const int numbers = d.s.pid_ns[0].pid_allocated;
  d.fire(Environment::act);
  d.until_takes(d.config().outside, CopyProcess::alloc_pid, 1);
  EXPECT_EQ(d.s.outside_free, 1) << "-ENOMEM";
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, numbers);
}

TEST(Fork, PublishedBeforeTheKillWalkIsKilledLikeAnybody) {
  Driver d(forks(), k_kernel);
  d.fire(Environment::act);
  d.until(
      d.config().outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  EXPECT_FALSE(d.asleep(d.find("exec")));
}

TEST(RcuTasks, WaitsOnlyForSectionsOpenWhenItBegan) {
  Driver d(pinned(OutsideAct::rcu_tasks), k_kernel);
  const TaskNo outside = d.config().outside;
  d[d.leader()].flags2 |= k_exit_srcu;
  d.fire(Environment::act);
  d.until_takes(outside, SynchronizeRcuTasks::synchronize_srcu, 1);
  EXPECT_NE(d[d.leader()].flags2 & k_holds_tasks_gp, 0);
  d[d.find("exec")].flags2 |= k_exit_srcu;  // a section that began later
  d.until_off(outside, 1);
  EXPECT_EQ(d[outside].run_state, RunState::uninterruptible);
  leave_exit_section(d.config(), d.s, d.leader());
  EXPECT_FALSE(d.asleep(outside));
  d.until(
      outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
}

TEST(RcuTasks, TheReaperLeavesItsSectionWhileItSleepsAndEntersItAgain) {
  for (const bool leaves : {false, true}) {
    Variant v = find_kernel(k_kernel)->variant;
    Driver d(pinned(OutsideAct::rcu_tasks), v.set(Switch::second_loop_leaves_tasks_rcu, leaves));
    d.until_off(d.leader(), 0);
    EXPECT_EQ((d[d.leader()].flags2 & k_exit_srcu) == 0, leaves);
    d.fire(Environment::act);
    d.until_off(d.config().outside, 1);
    EXPECT_EQ(d[d.config().outside].run_state == RunState::interruptible, leaves)
        << "it has its children back";
    wake_up(d.s, d.leader(), k_wake_any);
    d.step(d.leader(), 0);
    EXPECT_EQ((d[d.leader()].flags2 & k_holds_tasks_gp) != 0, !leaves);
  }
}

TEST(RcuTasks, TheParentThatWaitsDoesNotReap) {
  Driver d(pinned(OutsideAct::rcu_tasks), without(Switch::second_loop_leaves_tasks_rcu));
  EXPECT_TRUE(d.offers(Environment::reap, d.find("exec")));
  d.until_off(d.leader(), 0);
  d.fire(Environment::act);
  EXPECT_FALSE(d.offers(Environment::reap, d.find("exec")));
  d.until_off(d.config().outside, 1);
  EXPECT_FALSE(d.offers(Event::pick));
}

TEST(CgroupRmdir, BeginsOnlyWhenNoTaskOfTheCgroupIsLive) {
  Driver d(alone(OutsideAct::rmdir), k_kernel);
  EXPECT_FALSE(d.offers(Environment::act));
  d.until_takes(d.leader(), DoExit::exit_signals, 0);
  EXPECT_TRUE(d.offers(Environment::act));
}

TEST(CgroupRmdir, WaitsForTheLastContextSwitchOfTheDying) {
  Driver d(alone(OutsideAct::rmdir), with(Switch::rmdir_drains_dying_tasks));
  const TaskNo outside = d.config().outside;
  d.until_takes(d.leader(), DoExit::exit_signals, 0);
  d.fire(Environment::act);
  d.until_off(outside, 1);
  EXPECT_EQ(d[outside].run_state, RunState::uninterruptible);
  d.until(
      d.leader(), [](const State&, const Task& t) { return t.exit_state != ExitState::none; }, 0);
  EXPECT_TRUE(d.asleep(outside)) << "a zombie may still be on its CPU";
  d.until(
      d.leader(), [&](const State&, const Task& t) { return t.run_state == RunState::dead; }, 0);
  EXPECT_FALSE(d.asleep(outside));
  d.until(
      outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
}

TEST(CgroupRmdir, WithoutTheSwitchItDoesNotWait) {
  Driver d(pinned(OutsideAct::rmdir), k_kernel);
  d.until_off(d.leader(), 0);
  d.fire(Environment::act);
  d.until(
      d.config().outside, [&](const State& now, const Task&) { return now.outside_free != 0; }, 1);
  EXPECT_TRUE(d.offers(Environment::reap, d.find("exec")));
}

}  // namespace
}  // namespace unzap::kernel
