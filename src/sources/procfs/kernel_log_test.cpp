// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/kernel_log.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

// Records as /dev/kmsg gives them.
constexpr const char* k_log =
    "4,900,1000000000,-;watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [npm start:300]\n"
    "4,901,1000000010,-;CPU: 1 PID: 300 Comm: npm start Not tainted 5.15.160 #1\n"
    "4,902,1000000020,-;Call Trace:\n"
    "4,903,1000000030,-; do_wait+0x53/0x320\n"
    "4,904,1000000040,-; kernel_wait4+0xb0/0x150\n"
    "4,905,1000000050,-; zap_pid_ns_processes+0x100/0x190\n"
    "4,906,1000000060,-; do_exit+0x9fa/0xb80\n"
    "3,907,1001000000,-;INFO: task docker:400 blocked for more than 120 seconds.\n"
    "3,908,1001000010,-;      Not tainted 5.15.160 #1\n";

Snapshot host(const std::string& comm, std::uint64_t start_ticks) {
  Task spinner;
  spinner.tid = spinner.tgid = 300;
  spinner.comm = comm;
  spinner.state = 'R';
  spinner.flags = k_pf_exiting;
  spinner.start_ticks = start_ticks;
  spinner.stack = Absence::task_running;
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  snapshot.tasks = {spinner};
  return snapshot;
}

TEST(KernelLog, FillsTheStackThatProcCannotShow) {
  Snapshot snapshot = host("npm start", 50000);
  merge_kernel_log(k_log, "/dev/kmsg", 1010, snapshot);
  ASSERT_EQ(snapshot.events.size(), 1U) << "docker[400] is gone";
  EXPECT_EQ(snapshot.events[0].kind, EventKind::soft_lockup);
  ASSERT_TRUE(snapshot.tasks[0].stack);
  EXPECT_TRUE(snapshot.tasks[0].stack->has_in_order({"kernel_wait4", "zap_pid_ns_processes"}));
  ASSERT_EQ(snapshot.problems.size(), 1U);
  EXPECT_EQ(snapshot.problems[0].text.substr(0, 9), "1 report ");
}

TEST(KernelLog, AnotherTaskWithTheNumberGetsNothing) {
  for (Snapshot snapshot : {host("bash", 50000), host("npm start", 100001)}) {
    merge_kernel_log(k_log, "/dev/kmsg", 1010, snapshot);
    EXPECT_TRUE(snapshot.events.empty());
    EXPECT_EQ(snapshot.tasks[0].stack, Absence::task_running);
  }
}

TEST(KernelLog, AStackOfItsOwnIsKept) {
  Snapshot snapshot = host("npm start", 50000);
  Stack own;
  own.origin = StackOrigin::proc_stack;
  own.frames = {Frame{"do_wait", 1, 2, "", false, false}};
  snapshot.tasks[0].stack = own;
  merge_kernel_log(k_log, "/dev/kmsg", 1010, snapshot);
  EXPECT_EQ(snapshot.tasks[0].stack, own);
}

TEST(KernelLog, AnOldReportCountsOnlyWhileItsTaskIsInTrouble) {
  Snapshot dying = host("npm start", 50000);
  merge_kernel_log(k_log, "/dev/kmsg", 90000, dying);
  EXPECT_EQ(dying.events.size(), 1U);
  Snapshot well = host("npm start", 50000);
  well.tasks[0].flags = 0;
  merge_kernel_log(k_log, "/dev/kmsg", 90000, well);
  EXPECT_TRUE(well.events.empty());
}

TEST(KernelLog, AStallWithoutATaskCountsOnlyWhileItIsNew) {
  constexpr const char* k_stall =
      "3,1,1000000000,-;rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... } 5000 jiffies "
      "s: 9 "
      "root: 0x2/.\n";
  Snapshot snapshot = host("x", 1);
  merge_kernel_log(k_stall, "/dev/kmsg", 1500, snapshot);
  EXPECT_EQ(snapshot.events.size(), 1U);
  Snapshot later = host("x", 1);
  merge_kernel_log(k_stall, "/dev/kmsg", 2000, later);
  EXPECT_TRUE(later.events.empty());
}

}  // namespace
}  // namespace unzap
