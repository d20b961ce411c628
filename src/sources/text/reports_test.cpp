// SPDX-License-Identifier: Apache-2.0
#include "sources/text/reports.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  const char* input;
  const char* expected;
};

std::string dump(const std::optional<ReportHead>& head) {
  if (!head) return "none";
  std::string out(name(head->kind));
  for (const std::int32_t cpu : head->cpus) out += fmt::format(" cpu{}", cpu);
  if (head->tid) out += fmt::format(" tid={}", *head->tid);
  if (!head->comm.empty()) out += fmt::format(" '{}'", head->comm);
  if (head->seconds) out += fmt::format(" {}s", *head->seconds);
  return out;
}

constexpr Row k_heads[] = {
    {"soft lockup", "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [npm start:4711]",
     "soft_lockup cpu3 tid=4711 'npm start' 26s"},
    {"soft lockup, old", "BUG: soft lockup - CPU#0 stuck for 22s! [kworker/u16:2:62]",
     "soft_lockup cpu0 tid=62 'kworker/u16:2' 22s"},
    {"soft lockup, NMI", "NMI watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [a]b:5]",
     "soft_lockup cpu1 tid=5 'a]b' 23s"},
    {"soft lockup, cut", "watchdog: BUG: soft lockup - CPU#3 stuck", "soft_lockup cpu3"},
    {"hard lockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 5", "hard_lockup cpu5"},
    {"hard lockup, new", "watchdog: CPU7: Watchdog detected hard LOCKUP on cpu 7", "hard_lockup cpu7"},
    {"hard lockup, powerpc", "watchdog: CPU 2 Hard LOCKUP", "hard_lockup cpu2"},
    {"hung task", "INFO: task npm ci:47920 blocked for more than 245 seconds.",
     "hung_task tid=47920 'npm ci' 245s"},
    {"hung task, colons", "INFO: task kworker/u16:5:1435 blocked for more than 120 seconds.",
     "hung_task tid=1435 'kworker/u16:5' 120s"},
    {"hung task, I/O", "INFO: task a:9 blocked in I/O wait for more than 120 seconds.",
     "hung_task tid=9 'a' 120s"},
    {"lock owner", "INFO: task a:9 is blocked on a mutex likely owned by task b:8.", "other tid=9 'a'"},
    {"hung task without number", "INFO: task a blocked for more than 120 seconds.", "none"},
    {"hung task, number too large", "INFO: task a:99999999999 blocked for more than 120 seconds.", "none"},
    {"rcu self-detected", "rcu: INFO: rcu_sched self-detected stall on CPU", "rcu_stall"},
    {"rcu self-detected, old",
     "INFO: rcu_sched self-detected stall on CPU { 3}  (t=60000 jiffies g=1 c=0 q=4)", "rcu_stall cpu3"},
    {"rcu detected", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "rcu_stall"},
    {"rcu detected, old",
     "INFO: rcu_preempt detected stalls on CPUs/tasks: { 1 2 P77} (detected by 0, t=5 jiffies)",
     "rcu_stall cpu1 cpu2 tid=77"},
    {"rcu expedited",
     "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-...! 13-.... P4242 } 26 jiffies s: "
     "101 root: 0x1/.",
     "rcu_expedited_stall cpu0 cpu13 tid=4242"},
    {"rcu tasks", "INFO: rcu_tasks detected stalls on tasks:", "rcu_tasks_stall"},
    {"rcu tasks, old", "rcu_tasks_wait_gp: rcu_tasks grace period number 9 (since boot) is 2550 jiffies old.",
     "rcu_tasks_stall"},
    {"rcu starved", "rcu: rcu_sched kthread starved for 210010 jiffies! g2041729 f0x2",
     "rcu_kthread_starved"},
    {"rcu, harmless", "rcu: Hierarchical RCU implementation.", "none"},
    {"rcu, boot", "rcu: RCU calculated value of scheduler-enlistment delay is 25 jiffies.", "none"},
    {"workqueue", "BUG: workqueue lockup - pool cpus=2 node=0 flags=0x0 nice=0 stuck for 33s!",
     "workqueue_lockup cpu2 33s"},
    {"oom", "Out of memory: Killed process 128 (java (x)) total-vm:14008kB, anon-rss:1kB",
     "oom_kill tid=128 'java (x)'"},
    {"oom, old", "Out of memory: Kill process 128 (java) score 900 or sacrifice child",
     "oom_kill tid=128 'java'"},
    {"oom, cgroup", "Memory cgroup out of memory: Killed process 9 (rsync) total-vm:1kB",
     "oom_kill tid=9 'rsync'"},
    {"netdevice", "unregister_netdevice: waiting for lo to become free. Usage count = 1", "netdevice_wait"},
    {"freezer", "Freezing of tasks failed after 20.01 seconds (1 tasks refusing to freeze, wq_busy=0):",
     "freeze_failed"},
    {"freezer, user space", "Freezing user space processes failed after 20.0 seconds", "freeze_failed"},
    {"freezer, harmless", "Freezing user space processes completed (elapsed 0.001 seconds)", "none"},
    {"warning", "WARNING: CPU: 0 PID: 2613 at net/ipv6/addrconf_core.c:159 in6_dev+0x6b/0xb0()",
     "warning cpu0 tid=2613"},
    {"warning, new", "WARNING: kernel/fork.c:12 at copy_process+0x1/0x2, CPU#3: a/b/123",
     "warning cpu3 tid=123 'a/b'"},
    {"oops", "BUG: unable to handle page fault for address: ffff", "oops"},
    {"general protection", "general protection fault: 0000 [#1] SMP", "oops"},
    {"atomic", "BUG: scheduling while atomic: a/b/77/0x00000002", "oops tid=77 'a/b'"},
    {"kasan", "BUG: KASAN: use-after-free in f+0x1/0x2", "oops"},
    {"ubsan", "UBSAN: shift-out-of-bounds in lib/radix-tree.c:213:30", "oops"},
    {"ordinary", "eth0: renamed from veth14ccfd2", "none"},
    {"empty", "", "none"},
};

TEST(ParseReportHead, Rows) {
  for (const Row& row : k_heads) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_report_head(row.input)), row.expected);
  }
}

std::string dump(const std::optional<TaskLine>& task) {
  if (!task) return "none";
  std::string out = fmt::format("'{}' {} {}", task->comm, task->state, task->tid);
  if (task->tgid) out += fmt::format(" tgid={}", *task->tgid);
  if (task->ppid) out += fmt::format(" ppid={}", *task->ppid);
  if (task->task_flags) out += fmt::format(" flags={:x}", *task->task_flags);
  return out;
}

constexpr Row k_tasks[] = {
    {"6.18",
     "task:npm start       state:D stack:0     pid:12 tgid:10 ppid:9 task_flags:0x400040 flags:0x00080001",
     "'npm start' D 12 tgid=10 ppid=9 flags=400040"},
    {"6.1", "task:x     state:D stack:0     pid:12  ppid:9   flags:0x00004002", "'x' D 12 ppid=9"},
    {"5.12", "task:kworker/u16:5   state:D stack:    0 pid: 1435 ppid:     2 flags:0x00004000",
     "'kworker/u16:5' D 1435 ppid=2"},
    {"running", "task:a state:R  running task     stack:0 pid:22 tgid:22 ppid:2 flags:0x0",
     "'a' R 22 tgid=22 ppid=2"},
    {"a name like a field", "task:state:D pid:1 state:S stack:0 pid:5 ppid:2 flags:0x0",
     "'state:D pid:1' S 5 ppid=2"},
    {"4.4", "docker          D ffff8800b5c07cc8     0  1181      1 0x00000000", "'docker' D 1181 ppid=1"},
    {"4.18", "worker          D    0 1504627      1 0x00004320", "'worker' D 1504627 ppid=1"},
    {"blanks gone", "exe D 0 1990875 44826 0x00000000", "'exe' D 1990875 ppid=44826"},
    {"old, name with a blank", "npm start       S ffff8800b5c07cc8     0  7      1 0x00000000",
     "'npm start' S 7 ppid=1"},
    {"old, running", "a               R  running task        0  1234      1 0x00000008", "'a' R 1234 ppid=1"},
    {"no pid", "task:x state:D stack:0", "none"},
    {"no state", "task:x", "none"},
    {"numbers", "1 2 3 4 0x00000000", "none"},
    {"empty", "", "none"},
};

TEST(ParseTaskLine, Rows) {
  for (const Row& row : k_tasks) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_task_line(row.input)), row.expected);
  }
}

std::string dump(const std::optional<KernelName>& kernel) {
  if (!kernel) return "none";
  return fmt::format("{}|{}|{}", kernel->host, kernel->release, kernel->version);
}

constexpr Row k_kernels[] = {
    {"uname -a", "Linux h 5.15.0-107-generic #117-Ubuntu SMP Fri Apr 26 x86_64 x86_64 x86_64 GNU/Linux",
     "h|5.15.0-107-generic|#117-Ubuntu SMP Fri Apr 26"},
    {"preempt", "Linux h 6.1.0 #1 SMP PREEMPT Fri Apr 26 x86_64", "h|6.1.0|#1 SMP PREEMPT Fri Apr 26"},
    {"version", "Linux version 5.15.160 (root@h) (gcc 12) #1 SMP Wed Jun 5", "|5.15.160|#1 SMP Wed Jun 5"},
    {"distribution", "Linux Mint 21.3 is what I use", "none"},
};

TEST(ParseKernelName, Rows) {
  for (const Row& row : k_kernels) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_kernel_name(row.input)), row.expected);
  }
}

constexpr Row k_taints[] = {
    {"not", "Not tainted 6.1.0-27-amd64 #1 Debian 6.1.115-1", "|6.1.0-27-amd64|#1 Debian 6.1.115-1"},
    {"letters", "Tainted: P         C OX 3.13.0-65-generic #106-Ubuntu", "|3.13.0-65-generic|#106-Ubuntu"},
    {"dashes", "Tainted: G O --------- - - 4.18.0-147.el8", "|4.18.0-147.el8|"},
    {"model", "CPU: 0 UID: 0 PID: 1 Comm: a Not tainted 6.13.0 #1 PREEMPT(voluntary)",
     "|6.13.0|#1 PREEMPT(voluntary)"},
    {"explained", "Tainted: [W]=WARN", "none"},
};

TEST(ParseTaint, Rows) {
  for (const Row& row : k_taints) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_taint(row.input)), row.expected);
  }
}

}  // namespace
}  // namespace unzap::text
