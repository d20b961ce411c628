// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/pid_namespace.md.
#include "kernel/linux/pid_namespace.hpp"

#include <cstring>

#include "kernel/linux/exit.hpp"
#include "kernel/linux/task_work.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_old = "v5.15.160";

/// The leader of init is about to empty the namespace; it has the flag.
Driver at_zap(std::string_view kernel, const Scenario& scenario = plain()) {
  Driver d(scenario, kernel);
  d.until_in(d.leader(), Routine::zap_pid_ns_processes);
  d[d.leader()].tif |= k_tif_notify_signal;
  return d;
}

/// A worker of init is in the second wait.
Driver worker_in_second_wait(std::string_view kernel) {
  Driver d(with_workers({WorkerStart::idle}), kernel);
  d[d.leader()].exit_state = ExitState::zombie;
  d.s.pid_ns[0].child_reaper = d.worker();
  d.s.pid_ns[0].adding = 0;
  d.enter(d.worker(), ZapPidNsProcesses::wait_for_pids);
  return d;
}

TEST(Zap, RunsInTheLastThreadThatReachesExitNotify) {
  Driver d(plain(), k_old);
  d.until_takes(d.leader(), ExitNotify::find_child_reaper);
  EXPECT_EQ(find_alive_thread(d.config(), d.s, 0), k_no_task);
  EXPECT_EQ(d.top(d.leader()), Routine::zap_pid_ns_processes);
}

TEST(Zap, ClosesTheNamespaceAndIgnoresSigchldFirst) {
  Driver d = at_zap(k_old);
  EXPECT_EQ(d.s.pid_ns[0].adding, 1);
  d.step(d.leader());
  EXPECT_EQ(d.s.pid_ns[0].adding, 0);
  EXPECT_EQ(d.s.processes[0].sigchld_ignored, 1);
  EXPECT_TRUE(d.asleep(d.child())) << "nobody was killed yet";
}

TEST(Zap, KillsEverybodyButPidOne) {
  Driver d = at_zap(k_old);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes);
  EXPECT_TRUE(d[d.child()].flags & k_sigkill_private);
  EXPECT_FALSE(d.asleep(d.child()));
  EXPECT_FALSE(d[d.leader()].flags & k_sigkill_private);
  EXPECT_EQ(d.s.processes[0].sigkill_shared, 0);
}

TEST(Zap, DoesNotSignalATaskWithAPrivateSigkillAgain) {
  Driver d = at_zap(k_old);
  d[d.child()].flags |= k_sigkill_private;
  d.step(d.leader());
  d.step(d.leader());
  EXPECT_EQ(d.s.processes[1].sigkill_shared, 0);
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Zap, AThreadThatZapsSignalsItsOwnGroupOldKernelsRecordIt) {
  for (const auto& [kernel, recorded] : {std::pair{k_old, 1}, std::pair{"v6.1.192", 0}}) {
    Driver d(with_workers({WorkerStart::idle}), kernel);
    d.s.processes[0].group_exit = 1;
    for (const TaskNo thread : {d.leader(), d.worker()}) d[thread].flags |= k_pf_exiting;
    d.enter(d.worker(), ZapPidNsProcesses::kill_processes);
    d.step(d.worker(), 1);
    EXPECT_EQ(d.s.processes[0].sigkill_shared, recorded) << kernel;
    EXPECT_FALSE(d.sigpending(d.worker())) << kernel;
  }
}

TEST(Zap, ClearsSigpendingInEveryRound) {
  Driver d = at_zap(k_old);
  d.until_returned(d.leader(), k_wait_restartsys);
  d[d.leader()].tif |= k_tif_sigpending;
  d.step(d.leader());
  EXPECT_FALSE(d.sigpending(d.leader()));
}

TEST(Zap, WithTheFlagAndALivingChildItGoesRoundForEver) {
  Driver d = at_zap(k_old);
  d.until_returned(d.leader(), k_wait_restartsys);
  const State once = d.s;
  d.until_returned(d.leader(), k_wait_restartsys);
  EXPECT_EQ(std::memcmp(&once, &d.s, sizeof(State)), 0) << "a round changes nothing at all";
}

TEST(Zap, TheRoundEndsByItselfWhenTheLastChildDies) {
  Driver d = at_zap(k_old);
  d.until_returned(d.leader(), k_wait_restartsys);
  d[d.child()].exit_state = ExitState::dead;
  d.until_at(d.leader(), ZapPidNsProcesses::wait_for_pids);
}

TEST(Zap, TheFixOf2024ClearsTheFlagInEveryRound) {
  Driver d = at_zap("v5.15.162");
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_FALSE(d.notified(d.leader()));
}

TEST(Zap, WithTheFixOf2024AFlagSetAfterTheClearingCostsOneRound) {
  Driver d = at_zap("v5.15.162");
  d.until_takes(d.leader(), DoWait::set_current_state);
  d[d.leader()].tif |= k_tif_notify_signal;
  d.until_returned(d.leader(), k_wait_restartsys);
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
}

TEST(Zap, TheFixOf2026LeavesTheFlagSetAndSleeps) {
  Driver d = at_zap("v6.1.192");
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_TRUE(d.notified(d.leader()));
  EXPECT_TRUE(d[d.leader()].flags & k_pf_no_notify_signal);
}

TEST(Zap, TheGuardOf2026EndsWithTheFunction) {
  Driver d = at_zap("v6.1.192");
  d[d.child()].exit_state = ExitState::released;
  d.s.pid_ns[0].pid_allocated = 1;
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes);
  EXPECT_TRUE(d[d.leader()].flags & k_pf_no_notify_signal);
  d.until_in(d.leader(), Routine::exit_notify);
  EXPECT_FALSE(d[d.leader()].flags & k_pf_no_notify_signal);
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(Zap, UnderTheGuardOf2026AFirstSettingWakesOnceAndItSleepsOn) {
  Driver d(plain(), "v6.1.192");
  d.until_off(d.leader());
  d.act({Event::pick, 1, d.child()});
  Step x = d.step_of(d.child());
  task_work_notify(x, d.leader());
  EXPECT_FALSE(d.asleep(d.leader()));
  d.until_off(d.leader());
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_TRUE(d.notified(d.leader()));
}

TEST(Zap, SecondLoopWaitsForOnePidWhenTheLeaderZaps) {
  Driver d(plain(), k_old);
  d.s.pid_ns[0].pid_allocated = 1;
  d.enter(d.leader(), ZapPidNsProcesses::wait_for_pids);
  d.step(d.leader());
  EXPECT_NE(d.top(d.leader()), Routine::zap_pid_ns_processes) << "one number is left: done";
}

TEST(Zap, SecondLoopWaitsForTwoPidsWhenAThreadZaps) {
  Driver d = worker_in_second_wait(k_old);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 3);
  d.step(d.worker(), 1);
  EXPECT_TRUE(d.asleep(d.worker()));
  Step x = d.step_of(d.leader());
  release_task(x, d.child());
  EXPECT_FALSE(d.asleep(d.worker()));
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 2);
  d.step(d.worker(), 1);
  EXPECT_NE(d.top(d.worker()), Routine::zap_pid_ns_processes);
}

TEST(Zap, TheSecondWaitIsInterruptibleInOldKernelsAndIdleInNewOnes) {
  for (const auto& [kernel, state] :
       {std::pair{k_old, RunState::interruptible}, std::pair{"v6.1.94", RunState::interruptible},
        std::pair{"v6.1.192", RunState::idle}, std::pair{"v6.6.35", RunState::interruptible}}) {
    Driver d = worker_in_second_wait(kernel);
    d.step(d.worker(), 1);
    EXPECT_EQ(d[d.worker()].run_state, state) << kernel;
  }
}

TEST(Zap, AFlagKeepsTheInterruptibleSecondWaitFromSleepingButItGivesWay) {
  Driver d = worker_in_second_wait(k_old);
  d[d.worker()].tif = k_tif_notify_signal;
  d.s.rcu.mask = d.s.rcu.asked = 2;
  d.step(d.worker(), 1);
  EXPECT_FALSE(d.asleep(d.worker()));
  EXPECT_EQ(d.s.current[1], k_no_task);
  EXPECT_EQ(d.s.rcu.mask, 0) << "each round is a quiescent state";
  EXPECT_TRUE(d.notified(d.worker())) << "nothing clears the flag here";
}

TEST(Zap, FreeingAPidWakesTheReaperAtTwoAndAtOne) {
  Driver d(plain(), k_old);
  d.s.pid_ns[0].adding = 0;
  for (const int left : {3, 2, 1}) {
    d.s.pid_ns[0].pid_allocated = static_cast<std::uint8_t>(left + 1);
    d[d.leader()].run_state = RunState::idle;
    d[d.leader()].flags &= static_cast<std::uint8_t>(~k_on_rq);
    Step x = d.step_of(d.leader());
    free_pid(x.c, x.s, d.child());
    EXPECT_EQ(d.asleep(d.leader()), left == 3) << left;
  }
}

TEST(Zap, ALivingNamespaceIsNotWoken) {
  Driver d(plain(), k_old);
  EXPECT_EQ(d.s.pid_ns[0].adding, 1);
  d.s.pid_ns[0].pid_allocated = 2;
  d[d.leader()].run_state = RunState::interruptible;
  Step x = d.step_of(d.leader());
  free_pid(x.c, x.s, d.child());
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 1);
  EXPECT_EQ(d[d.leader()].run_state, RunState::interruptible);
}

TEST(Zap, AChildThatWasAZombieBeforeIsReapedByTheFirstWait) {
  Driver d = at_zap("v5.15.162");
  d[d.child()].exit_state = ExitState::zombie;
  d.until(d.leader(), [&](const State& now, const Task&) {
    return now.tasks[d.child()].exit_state == ExitState::released;
  });
  d.until_at(d.leader(), ZapPidNsProcesses::wait_for_pids);
}

/// The scenario's container lies inside that of `dockerd`.
Scenario nested() {
  Scenario s = plain();
  add_containers(s, "dockerd");
  s.containers[0].inside = 1;
  return s;
}

TEST(NestedPidNs, AMemberHasANumberOnEveryLevel) {
  Driver d(nested(), k_old);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 2) << "the inner namespace: init and child";
  EXPECT_EQ(d.s.pid_ns[1].pid_allocated, 3) << "the outer one counts them too";
  EXPECT_EQ(d[d.leader()].parent, d.find("dockerd"));
  const int outer = d.s.pid_ns[1].pid_allocated;
  free_pid(d.config(), d.s, d.child());
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 1);
  EXPECT_EQ(d.s.pid_ns[1].pid_allocated, outer - 1);
}

TEST(NestedPidNs, TheInnerInitDiesWithTheOuterOne) {
  Driver d(nested(), k_old);
  const TaskNo outer = d.find("dockerd");
  d.s.mnt_ns[1].refs = 2;  // somebody else holds its mounts
  d.until_takes(outer, ZapPidNsProcesses::kill_processes, 1);
  EXPECT_TRUE(d[d.leader()].flags & k_sigkill_private) << "number 1 inside is killed from outside";
  EXPECT_TRUE(d[d.child()].flags & k_sigkill_private);
  EXPECT_FALSE(d[outer].flags & k_sigkill_private);
}

TEST(NestedPidNs, TheInnerInitKillsNobodyOutside) {
  Driver d(nested(), k_old);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  EXPECT_TRUE(d[d.child()].flags & k_sigkill_private);
  EXPECT_FALSE(d[d.find("dockerd")].flags & k_sigkill_private);
}

TEST(NestedPidNs, ThatHoldsHoweverDeepTheNamespacesLieInOneAnother) {
  Scenario s = nested();
  add_containers(s, "dockerd#2");
  s.containers[1].inside = 2;
  Driver d(s, k_old);
  const TaskNo outermost = d.find("dockerd#2");
  EXPECT_EQ(d[d.find("dockerd")].parent, outermost);
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 2);
  EXPECT_EQ(d.s.pid_ns[1].pid_allocated, 3);
  EXPECT_EQ(d.s.pid_ns[2].pid_allocated, 4);
  d.s.mnt_ns[2].refs = 2;  // somebody else holds its mounts
  d.until_takes(outermost, ZapPidNsProcesses::kill_processes, 1);
  EXPECT_TRUE(d[d.find("dockerd")].flags & k_sigkill_private);
  EXPECT_TRUE(d[d.child()].flags & k_sigkill_private) << "two levels below";
  EXPECT_FALSE(d[outermost].flags & k_sigkill_private);
  free_pid(d.config(), d.s, d.child());
  EXPECT_EQ(d.s.pid_ns[2].pid_allocated, 3);
}

}  // namespace
}  // namespace unzap::kernel
