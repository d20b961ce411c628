// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/kmsg.hpp"

#include <gtest/gtest.h>

#include "sources/procfs/kernel_log.hpp"

namespace unzap {
namespace {

TEST(Kmsg, OnlyWhatTheKernelSaid) {
  struct Row {
    const char* name;
    const char* records;
    const char* expected;
  };
  const Row rows[] = {
      {"of the kernel", "3,9,1000000010,-;INFO: x\n", "[ 1000.000010] INFO: x\n"},
      {"with a caller", "6,9,5,c,caller=T17;a\n", "[    0.000005] a\n"},
      {"of a user: facility 1", "11,9,5,-;watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:3]\n", ""},
      {"of a daemon: facility 3", "27,9,5,-;INFO: task sh:3 blocked for more than 120 seconds.\n", ""},
      {"dictionary", "3,9,5,-;a\n SUBSYSTEM=watchdog: BUG: soft lockup\n DEVICE=+x\n", "[    0.000005] a\n"},
      {"behind a newline", "3,9,5,-;tmpfs: Unknown parameter '\\x0aINFO: task sh:3 blocked\n",
       "[    0.000005] tmpfs: Unknown parameter '\n"},
      {"a process of that name", "6,9,5,-;BUG: x[7]: segfault at 0 ip 0 sp 0\n", ""},
      {"that runs out of memory", "4,9,5,-;BUG: x invoked oom-killer: gfp_mask=0x0\n", ""},
      {"that jumps into vsyscall",
       "4,9,5,-;WARNING: PID: 1[7] misaligned vsyscall (exploit attempt or buggy program) -- look up\n", ""},
      {"no record", "watchdog: BUG: soft lockup\n,,,;x\n3,9;x\n3,9,x,-;x\n", ""},
      {"the log begins inside a record", "lockup - CPU#1\n3,9,5,-;a\n", "[    0.000005] a\n"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(kernel_messages(row.records), row.expected);
  }
}

TEST(Kmsg, TextInsideOfAMessageIsNoReport) {
  for (const char* message :
       {"tmpfs: Unknown parameter '[12.000001] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:300]'",
        "tmpfs: Unknown parameter ' kernel: watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:300]'",
        "tmpfs: Unknown parameter '3,1,5,-;INFO: task sh:300 blocked for more than 120 seconds.'",
        "tmpfs: Unknown parameter '\\x0a[12.000001] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [x:3]'",
        "cgroup: fork rejected by pids controller in /a [12.000001] INFO: rcu_sched detected stalls on "
        "CPUs/tasks: { 1-... }"}) {
    SCOPED_TRACE(message);
    Snapshot snapshot;
    merge_kernel_log(std::string("3,1,12000000,-;") + message + "\n", "/dev/kmsg", 20, snapshot);
    EXPECT_TRUE(snapshot.events.empty());
    EXPECT_TRUE(snapshot.problems.empty());
  }
}

TEST(Kmsg, AReportCarriesTheStampOfItsRecord) {
  Snapshot snapshot;
  merge_kernel_log(
      "3,1,12000000,-;[99.000001] rcu: INFO: rcu_sched detected stalls on CPUs/tasks: { 1-... }\n"
      "3,2,13000000,-;rcu: INFO: rcu_sched detected stalls on CPUs/tasks: { 1-... }\n",
      "/dev/kmsg", 20, snapshot);
  ASSERT_EQ(snapshot.events.size(), 1U) << "a stamp is not part of a message of the kernel";
  EXPECT_EQ(snapshot.events[0].at_seconds, 13.0);
}

}  // namespace
}  // namespace unzap
