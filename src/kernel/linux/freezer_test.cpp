// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/freezer.md.
#include "kernel/linux/freezer.hpp"

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_spins = "v6.1.95";
constexpr auto k_new = "v6.1.192";

Scenario frozen(Freezer how) {
  Scenario s = plain();
  s.processes[1].frozen = how;
  s.environment.thaws = true;
  s.environment.livepatches = 1;
  return s;
}

/// Init has sent SIGKILL to its frozen child.
Driver killed(Freezer how, std::string_view kernel) {
  Driver d(frozen(how), kernel);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  return d;
}

TEST(Freezer, AV1FrozenTaskDoesNotActOnSigkillUntilThawed) {
  for (const auto kernel : {k_spins, k_new}) {
    Driver d = killed(Freezer::v1, kernel);
    EXPECT_TRUE(d.asleep(d.child()));
    EXPECT_TRUE(d.sigpending(d.child()));
    EXPECT_NE(d[d.child()].flags & k_sigkill_private, 0);
    d.fire(Environment::thaw);
    d.until_at(d.child(), GetSignal::dequeue_signal, 1);
    d.until_in(d.child(), Routine::do_group_exit, 1);
  }
}

TEST(Freezer, TheReaperSleepsUntilItsFrozenChildIsThawed) {
  Driver d = killed(Freezer::v1, k_new);
  d.until_off(d.leader(), 0);
  EXPECT_TRUE(d.asleep(d.leader()));
  EXPECT_EQ(d.top(d.leader()), Routine::do_wait);
  EXPECT_FALSE(d.offers(Event::pick, d.child()));
}

TEST(Freezer, AV1FrozenTaskIsNotWokenByANotifySignal) {
  Driver d(frozen(Freezer::v1), k_spins);
  d.fire(Environment::livepatch);
  EXPECT_TRUE(d.notified(d.child()));
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Freezer, AV2FrozenTaskCanBeKilled) {
  for (const auto kernel : {"v5.15.162", k_spins, k_new}) {
    Driver d = killed(Freezer::v2, kernel);
    EXPECT_FALSE(d.asleep(d.child())) << kernel;
    d.until_at(d.child(), GetSignal::dequeue_signal, 1);
    d.until_in(d.child(), Routine::do_group_exit, 1);
  }
}

TEST(Freezer, TheV2TrapClearsSigpendingBeforeItSleeps) {
  Driver d(frozen(Freezer::v2), k_spins);
  d[d.child()].tif = k_tif_sigpending;
  wake_up(d.s, d.child(), k_wake_interruptible);
  d.step(d.child(), 1);
  EXPECT_FALSE(d.sigpending(d.child()));
  EXPECT_TRUE(d.asleep(d.child()));
  EXPECT_EQ(d[d.child()].run_state, RunState::interruptible);
}

TEST(Freezer, ANotifySignalKeepsAV2FrozenTaskFromSleepingUntilTheTrapClearsIt) {
  Driver old(frozen(Freezer::v2), k_spins);
  old.fire(Environment::livepatch);
  for (int i = 0; i < 3; ++i) {
    old.step(old.child(), 1);
    EXPECT_FALSE(old.asleep(old.child()));
    EXPECT_TRUE(old.notified(old.child()));
  }
  Driver d(frozen(Freezer::v2), k_new);
  d.fire(Environment::livepatch);
  d.step(d.child(), 1);
  EXPECT_FALSE(d.notified(d.child()));
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Freezer, AThawedTaskGoesBackToUserMode) {
  for (const Freezer how : {Freezer::v1, Freezer::v2}) {
    Driver d(frozen(how), k_new);
    d.fire(Environment::thaw);
    d.until_at(d.child(), GetSignal::dequeue_signal, 1);
    d.until_in(d.child(), Routine::syscall_sleep, 1);
    EXPECT_EQ(d.top(d.child()), Routine::syscall_sleep);
  }
}

TEST(Freezer, NothingIsThawedWhenNothingIsFrozen) {
  Driver d(frozen(Freezer::v2), k_new);
  EXPECT_TRUE(d.offers(Environment::thaw));
  d.fire(Environment::thaw);
  EXPECT_FALSE(d.offers(Environment::thaw));
}

}  // namespace
}  // namespace unzap::kernel
