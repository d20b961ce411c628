// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/outside.md and ptrace.md about what the world around the container does.
#include "kernel/story/environment.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v6.1.192";

Scenario injected_zombie(bool reaped) {
  Scenario s = plain();
  s.processes.pop_back();
  s.containers[0].outside_holders = 1;  // init is not the last user of the mount namespace
  add_process(s, "exec", k_by_outside).starts = ProcessStart::zombie;
  s.outside.reaps = reaped;
  return s;
}

Scenario traced() {
  Scenario s = plain();
  s.processes[1].traced = s.environment.tracer_detaches = true;
  s.containers[0].outside_holders = 1;
  return s;
}

/// The killed child is a zombie that its tracer holds; init sleeps in its first wait.
Driver traced_zombie(const Scenario& scenario = traced()) {
  Driver d(scenario, k_kernel);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  d.until(
      d.child(), [](const State&, const Task& t) { return t.run_state == RunState::dead; }, 1);
  d.until_off(d.leader(), 0);
  return d;
}

TEST(Environment, TheZombieOfAnOutsideParentKeepsItsPidNumber) {
  Driver d(injected_zombie(false), k_kernel);
  d.until_off(d.leader(), 0);
  EXPECT_EQ(d.top(d.leader()), Routine::zap_pid_ns_processes) << "kernel_wait4() does not see it";
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 2);
  EXPECT_FALSE(d.offers(Environment::reap, d.find("exec")));
}

TEST(Environment, ReapingItFreesTheNumberAndWakesTheReaper) {
  Driver d(injected_zombie(true), k_kernel);
  d.until_off(d.leader(), 0);
  d.fire(Environment::reap, d.find("exec"));
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 1);
  EXPECT_FALSE(d.asleep(d.leader()));
  EXPECT_FALSE(d.offers(Environment::reap, d.find("exec")));
}

TEST(Environment, ALivepatchSetsTheFlagOnMembersButNotOnKernelThreads) {
  Scenario s = with_workers({WorkerStart::idle});
  s.environment.livepatches = 1;
  Driver d(s, k_kernel);
  d.fire(Environment::livepatch);
  for (const TaskNo no : {d.leader(), d.worker(), d.child()}) EXPECT_TRUE(d.notified(no));
  EXPECT_FALSE(d.asleep(d.worker()));
  EXPECT_FALSE(d.notified(d.kworker()));
  EXPECT_TRUE(d.asleep(d.kworker()));
  EXPECT_FALSE(d.offers(Environment::livepatch)) << "as often as the scenario says";
}

TEST(Environment, ALivepatchReachesAThreadPastItsLastTaskWork) {
  Scenario s = injected_zombie(true);
  s.environment.livepatches = 1;
  Driver d(s, "v5.15.162");
  d.until_off(d.leader(), 0);
  EXPECT_NE(d[d.leader()].works & k_work_exited, 0);
  d.fire(Environment::livepatch);
  EXPECT_TRUE(d.notified(d.leader()));
  EXPECT_FALSE(d.asleep(d.leader()));
  d.until_off(d.leader(), 0);
  EXPECT_FALSE(d.asleep(d.leader())) << "the second wait clears no flag";
}

TEST(Environment, TheIdleTimeoutAlwaysEndsOnceTheExitBitIsSet) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  EXPECT_FALSE(d.offers(Environment::timeout)) << "the scenario has none";
  d.s.wqs[0].exit = 1;
  EXPECT_TRUE(d.offers(Environment::timeout, d.worker()));
  d.fire(Environment::timeout, d.worker());
  d.until_takes(d.worker(), IoWorker::woken, 1);
  EXPECT_NE(d[d.worker()].flags & k_timed_out, 0);
}

TEST(Ptrace, ATracedZombieIsNotReapedByTheReaper) {
  Driver d = traced_zombie();
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d.top(d.leader()), Routine::do_wait);
  wake_up(d.s, d.leader(), k_wake_interruptible);
  d.until_at(d.leader(), DoWait::schedule, 0);
}

TEST(Ptrace, ATracedZombieDoesNotWakeItsRealParent) {
  Driver d(traced(), k_kernel);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  d.until_off(d.leader(), 0);
  d.until(
      d.child(), [](const State&, const Task& t) { return t.run_state == RunState::dead; }, 1);
  EXPECT_TRUE(d.asleep(d.leader()));
}

TEST(Ptrace, ADetachedZombieGoesAwayIfItsRealParentIgnoresSigchld) {
  Driver d = traced_zombie();
  d.fire(Environment::detach, d.child());
  EXPECT_EQ(d[d.child()].exit_state, ExitState::released);
  EXPECT_FALSE(d.asleep(d.leader())) << "it is woken in do_wait()";
  d.until_returned(d.leader(), k_wait_echild, 0);
}

TEST(Ptrace, ADetachedZombieStaysForAParentThatDoesNotIgnoreSigchld) {
  Driver d = traced_zombie();
  d.s.processes[0].sigchld_ignored = 0;
  d.fire(Environment::detach, d.child());
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie);
  d.until(
      d.leader(),
      [&](const State& now, const Task&) { return now.tasks[d.child()].exit_state == ExitState::released; },
      0);
}

TEST(Ptrace, ADetachOfALivingTaskChangesNothingElse) {
  Driver d(traced(), k_kernel);
  d.fire(Environment::detach, d.child());
  EXPECT_TRUE(d.asleep(d.child()));
  EXPECT_EQ(d[d.child()].exit_state, ExitState::none);
  EXPECT_FALSE(d.offers(Environment::detach));
}

TEST(Ptrace, TheLastThreadOfATracedProcessDoesNotTakeItsLeaderAlong) {
  Scenario s = traced();
  add_sqpoll_thread(s.processes[1]);
  Driver d(s, k_kernel);
  d.until_takes(d.leader(), ZapPidNsProcesses::disable_pid_allocation, 0);
  d[d.child()].exit_state = ExitState::zombie;
  const auto sqpoll = static_cast<TaskNo>(d.child() + 1);
  d.until_off(d.leader(), 0);
  d[sqpoll].exit_state = ExitState::dead;
  d.enter(sqpoll, ExitNotify::release_task);
  d.step(sqpoll, 1);
  EXPECT_EQ(d[sqpoll].exit_state, ExitState::released);
  EXPECT_EQ(d[d.child()].exit_state, ExitState::zombie) << "do_notify_parent() asks the tracer";
}

TEST(Environment, AFreezersFakeSignalKeepsTheInterruptibleSecondWaitFromSleeping) {
  for (const bool idle : {false, true}) {
    Scenario s = injected_zombie(true);
    s.environment.fake_signals = 1;
    Variant v = find_kernel("v5.15.162")->variant;
    Driver d(s, v.set(Switch::fix_2026, true).set(Switch::second_loop_idle, idle));
    d.until_off(d.leader(), 0);
    d.fire(Environment::fake_signal);
    EXPECT_FALSE(d.offers(Environment::fake_signal)) << "as often as the scenario says";
    EXPECT_TRUE(d.sigpending(d.leader()));
    EXPECT_EQ(d.asleep(d.leader()), idle) << "an idle sleep is not broken";
    if (!idle) d.until_off(d.leader(), 0);
    EXPECT_EQ(d.asleep(d.leader()), idle) << "TIF_SIGPENDING is not cleared in the second wait";
  }
}

TEST(Environment, AFreezersFakeSignalCostsTheFirstWaitOneRound) {
  Scenario s = plain();
  s.environment.fake_signals = 1;
  Driver d(s, k_kernel);
  d.until_off(d.leader(), 0);
  d.fire(Environment::fake_signal);
  EXPECT_FALSE(d.asleep(d.leader()));
  d.until_takes(d.leader(), ZapPidNsProcesses::wait_for_children, 0);
  EXPECT_FALSE(d.sigpending(d.leader()));
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader()));
}

TEST(Environment, AnOperatorKillsAnyProcessAndATaskPastExitSignalsTakesNoNotice) {
  Scenario s = plain();
  s.environment.operator_kills = 2;
  Driver d(s, "v5.15.162");
  d.fire(Environment::operator_kill, d.child());
  EXPECT_FALSE(d.asleep(d.child()));
  d.until(
      d.leader(), [](const State&, const Task& t) { return (t.flags & k_pf_exiting) != 0; }, 0);
  const Description words =
      d.machine.describe(d.s, {Event::environment, k_no_cpu, d.leader(), Environment::operator_kill});
  EXPECT_NE(words.text.find("nobody takes"), std::string::npos) << words.text;
  d.fire(Environment::operator_kill, d.leader());
  EXPECT_FALSE(d.sigpending(d.leader()));
  EXPECT_FALSE(d.offers(Environment::operator_kill));
}

TEST(Environment, NeitherSigtermNorSigkillEndsOrWakesASpinningReaper) {
  for (const auto* kernel : {"v5.15.160", "v6.1.94"}) {
    Scenario s = with_workers({});
    ring_of(s).armed = true;
    s.environment.operator_kills = s.environment.operator_terms = 1;
    Driver d(s, kernel);
    d.until_returned(d.leader(), k_wait_restartsys, 0);
    const Task before = d[d.leader()];
    for (const Environment what : {Environment::operator_kill, Environment::operator_term}) {
      d.fire(what, d.leader());
      EXPECT_EQ(d[d.leader()].tif, before.tif) << kernel;
      EXPECT_EQ(d[d.leader()].flags, before.flags) << kernel;
      d.until_returned(d.leader(), k_wait_restartsys, 0);
    }
    EXPECT_FALSE(d.offers(Environment::operator_kill));
    EXPECT_FALSE(d.offers(Environment::operator_term));
  }
}

TEST(Environment, SigtermEndsAMemberAtAnyTimeButNotATracedOne) {
  Scenario s = plain();
  s.environment.operator_terms = 1;
  Driver d(s, "v6.1.192");
  d.fire(Environment::operator_term, d.leader());
  EXPECT_EQ(d.s.processes[0].sigterm_shared, 0) << "SIGNAL_UNKILLABLE, and no handler";
  EXPECT_FALSE(d.sigpending(d.leader()));
  d.s.operator_terms = 1;
  d.fire(Environment::operator_term, d.child());
  EXPECT_EQ(d.s.processes[1].group_exit, 1);
  EXPECT_FALSE(d.asleep(d.child()));
  s.processes[1].traced = true;
  EXPECT_FALSE(Driver(s, "v6.1.192").offers(Environment::operator_term, d.child()));
}

}  // namespace
}  // namespace unzap::kernel
