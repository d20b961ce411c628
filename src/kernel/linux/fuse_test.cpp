// SPDX-License-Identifier: Apache-2.0
// Claims of docs/kernel-facts/fuse.md.
#include "kernel/linux/fuse.hpp"

#include "kernel/linux/signal.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v6.1.192";

/// A child with a file open on a FUSE mount and a descriptor of /dev/fuse; the server is the other process.
Scenario client_and_server() {
  Scenario s = plain();
  s.processes[1].fuse_file = s.processes[1].fuse_dev = true;
  add_process(s, "fuse-server").fuse_dev = true;
  s.environment.fuse_abort = true;
  return s;
}

/// The child closes its files; it has been killed before that, or has no signal pending.
Driver at_flush(bool was_killed, std::string_view kernel = k_kernel) {
  Driver d(client_and_server(), kernel);
  if (was_killed)
    d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes, 0);
  else
    d.enter(d.child(), Routine::do_exit);
  d.until_in(d.child(), Routine::fuse_flush, 1);
  d.until_off(d.child(), 1);
  return d;
}

TEST(Fuse, FilesAreClosedPastExitSignals) {
  Driver d = at_flush(true);
  EXPECT_TRUE(d.exiting(d.child()));
  EXPECT_EQ(d.top(d.child()), Routine::fuse_flush);
}

TEST(Fuse, TheFirstWaitEndsWithASignalTheSecondDoesNot) {
  Driver d = at_flush(false);
  EXPECT_EQ(d[d.child()].run_state, RunState::interruptible);
  set_notify_flag(d.config(), d.s, d.child());
  EXPECT_TRUE(wake_up(d.s, d.child(), k_wake_interruptible));
  d.until_off(d.child(), 1);
  EXPECT_EQ(d[d.child()].run_state, RunState::uninterruptible);
  EXPECT_FALSE(wake_up(d.s, d.child(), k_wake_interruptible));
}

TEST(Fuse, AKilledTaskWaitsUninterruptiblyFromTheStart) {
  Driver d = at_flush(true);
  EXPECT_TRUE(d.sigpending(d.child())) << "SIGKILL stays in the shared set";
  EXPECT_EQ(d[d.child()].run_state, RunState::uninterruptible);
}

TEST(Fuse, FuseFlushIsNotWokenBySigkillPastExitSignals) {
  for (const auto kernel : {"v5.15.162", k_kernel}) {
    Driver d = at_flush(false, kernel);
    EXPECT_FALSE(send_sigkill(d.config(), d.s, d.child()));
    EXPECT_TRUE(d.asleep(d.child()));
    EXPECT_FALSE(d.sigpending(d.child()));
  }
}

TEST(Fuse, TheLastDescriptorOfTheDeviceAborts) {
  Driver d = at_flush(true);
  ASSERT_EQ(d.s.fuse_dev_refs, 2);
  put_fuse_dev(d.config(), d.s);
  EXPECT_EQ(d.s.fuse_aborted, 0);
  EXPECT_TRUE(d.asleep(d.child()));
  put_fuse_dev(d.config(), d.s);
  EXPECT_EQ(d.s.fuse_aborted, 1);
  EXPECT_FALSE(d.asleep(d.child()));
}

TEST(Fuse, TheEndOfTheServerDoesNotAbortWhileTheClientHoldsTheDeviceToo) {
  Driver d = at_flush(true);
  const TaskNo server = d.find("fuse-server");
  d.until(
      server, [](const State&, const Task& t) { return t.run_state == RunState::dead; }, 1);
  EXPECT_EQ(d.s.fuse_dev_refs, 1);
  EXPECT_EQ(d.s.fuse_aborted, 0);
  EXPECT_TRUE(d.asleep(d.child()));
}

TEST(Fuse, AnAbortEndsTheFlush) {
  for (const bool was_killed : {false, true}) {
    Driver d = at_flush(was_killed);
    d.fire(Environment::fuse_abort);
    EXPECT_FALSE(d.offers(Environment::fuse_abort)) << "once";
    d.until_in(d.child(), Routine::do_exit, 1);
    EXPECT_EQ(d.s.fuse_aborted, 1);
  }
}

TEST(Fuse, WithoutTheWaitAnExitingTaskGoesOn) {
  Variant v = find_kernel(k_kernel)->variant;
  Driver d(client_and_server(), v.set(Switch::fuse_flush_waits, false));
  d.enter(d.child(), Routine::do_exit);
  d.until_takes(d.child(), DoExit::exit_task_namespaces, 1);
  EXPECT_EQ(d.s.fuse_dev_refs, 1);
}

}  // namespace
}  // namespace unzap::kernel
