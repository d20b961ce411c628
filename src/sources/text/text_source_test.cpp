// SPDX-License-Identifier: Apache-2.0
#include "sources/text/text_source.hpp"

#include <gtest/gtest.h>

#include "sources/text/dump.hpp"

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  std::string_view input;
  const char* expected;
};

constexpr Row k_kernel_log[] = {
    {"soft lockup: the instruction pointer is the innermost frame",
     R"([  10.500000] watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [npm start:4711]
[  10.500001] Modules linked in: veth nf_nat
[  10.500002] CPU: 3 PID: 4711 Comm: npm start Tainted: G             L    5.15.0-1-generic #1-Ubuntu
[  10.500003] RIP: 0010:_raw_read_lock+0x25/0x30
[  10.500004] RSP: 0018:ffffb15fc915bc60 EFLAGS: 00000206
[  10.500005] Call Trace:
[  10.500006]  <IRQ>
[  10.500007]  ? show_regs.part.0+0x23/0x29
[  10.500008]  watchdog_timer_fn+0x1be/0x220
[  10.500009]  </IRQ>
[  10.500010]  <TASK>
[  10.500011]  ? asm_sysvec_apic_timer_interrupt+0x1b/0x20
[  10.500012]  do_wait+0x52/0x310
[  10.500013]  zap_pid_ns_processes+0x111/0x1a0
[  10.500014] RIP: 0033:0x7f60019daf8e
[  10.500015]  </TASK>
)",
     "host release='5.15.0-1-generic' version='#1-Ubuntu'\n"
     "task tid=4711 comm='npm start' state=R cpu=3 soft_lockup:{_raw_read_lock show_regs?~ "
     "watchdog_timer_fn~ "
     "asm_sysvec_apic_timer_interrupt? do_wait zap_pid_ns_processes}\n"
     "soft_lockup at=10.5 seconds=26 cpu3 tid=4711 comm='npm start' +stack\n"},
    {"hung task, again and again: one task, every event, the longest time",
     R"(INFO: task sh:7 blocked for more than 120 seconds.
task:sh state:D stack:0 pid:7 tgid:7 ppid:1 flags:0x4
Call Trace:
 schedule+0x1/0x2
 do_exit+0x1/0x2
INFO: task sh:7 blocked for more than 241 seconds.
task:sh state:D stack:0 pid:7 tgid:7 ppid:1 flags:0x4
Call Trace:
 schedule+0x1/0x2
)",
     "task tid=7 tgid=7 ppid=1 comm='sh' state=D blocked=241 hung_task:{schedule do_exit}\n"
     "hung_task seconds=120 tid=7 comm='sh' +stack\n"
     "hung_task seconds=241 tid=7 comm='sh' +stack\n"},
    {"old layout",
     R"(INFO: task docker:1181 blocked for more than 120 seconds.
      Not tainted 4.4.0-93-generic #116
docker          D ffff8800b5c07cc8     0  1181      1 0x00000000
 ffff8800b5c07cc8 ffffffff81e13500 ffff8800bba7d400 ffff8800b5c08000
Call Trace:
 [<ffffffff8180a685>] schedule+0x35/0x80
 [<ffffffff816fe941>] ? net_alloc_generic+0x21/0x30
 [<ffffffff816ff35e>] copy_net_ns+0x6e/0x120
)",
     "host release='4.4.0-93-generic' version='#116'\n"
     "task tid=1181 ppid=1 comm='docker' state=D blocked=120 hung_task:{schedule net_alloc_generic? "
     "copy_net_ns}\n"
     "hung_task seconds=120 tid=1181 comm='docker' +stack\n"},
    {"RCU stall: CPUs from the list, the interrupted frames from the pointer in the middle",
     R"(rcu: INFO: rcu_sched self-detected stall on CPU
rcu: 	13-....: (20997 ticks this GP) idle=54f/1/0x4 softirq=1/1 fqs=4433
	(t=21017 jiffies g=194958993 q=5715 ncpus=16)
Task dump for CPU 13:
task:kworker/u34:2   state:R  running task     stack:    0 pid:30413 ppid:     2 flags:0x00004008
Call Trace:
 <IRQ>
 sched_show_task.cold+0xc2/0xda
 </IRQ>
 <TASK>
 asm_sysvec_apic_timer_interrupt+0x16/0x20
RIP: 0010:read_tsc+0x3/0x20
RSP: 0018:ffffc900087cfe00 EFLAGS: 00000246
 ktime_get+0x38/0xa0
 kthread+0x115/0x140
)",
     "host cpus=16\n"
     "task tid=30413 ppid=2 comm='kworker/u34:2' state=R rcu_stall:{sched_show_task~ "
     "asm_sysvec_apic_timer_interrupt~ read_tsc ktime_get kthread}\n"
     "rcu_stall cpu13 tid=30413 comm='kworker/u34:2' +stack\n"},
    {"expedited stall with the NMI backtrace of the CPU that is held",
     R"([  1.000000] rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 2-...! } 26 jiffies s: 101 root: 0x4/.
[  1.000001] rcu: blocking rcu_node structures (internal RCU debug):
[  1.000002] Sending NMI from CPU 0 to CPUs 2:
[  1.000003] NMI backtrace for cpu 2
[  1.000004] CPU: 2 PID: 4711 Comm: iou-wrk-4700 Not tainted 6.1.0 #1
[  1.000005] RIP: 0010:do_wait+0x52/0x310
[  1.000006] Call Trace:
[  1.000007]  <TASK>
[  1.000008]  kernel_wait4+0xaf/0x150
)",
     "host release='6.1.0' version='#1'\n"
     "task tid=4711 comm='iou-wrk-4700' state=R cpu=2 rcu_stall:{do_wait kernel_wait4}\n"
     "rcu_expedited_stall at=1 cpu2 tid=4711 comm='iou-wrk-4700' +stack\n"},
    {"NMI backtraces of other CPUs do not touch the event",
     R"(watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:5]
CPU: 0 PID: 5 Comm: a Not tainted 6.1.0 #1
Call Trace:
 do_wait+0x1/0x2
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
CPU: 1 PID: 9 Comm: b Not tainted 6.1.0 #1
Call Trace:
 vfs_read+0x1/0x2
)",
     "host release='6.1.0' version='#1'\n"
     "task tid=5 comm='a' state=R cpu=0 soft_lockup:{do_wait}\n"
     "task tid=9 comm='b' state=R cpu=1 sysrq:{vfs_read}\n"
     "soft_lockup seconds=22 cpu0 tid=5 comm='a' +stack\n"},
    {"sysrq listing",
     R"(sysrq: Show Blocked State
task:a state:D stack:0 pid:5 ppid:1 flags:0x0
Call Trace:
 f_one+0x1/0x2
task:b state:D stack:0 pid:6 ppid:1 flags:0x0
Call Trace:
 f_two+0x1/0x2
)",
     "task tid=5 ppid=1 comm='a' state=D sysrq:{f_one}\n"
     "task tid=6 ppid=1 comm='b' state=D sysrq:{f_two}\n"
     "task_state tid=5 comm='a' +stack\n"
     "task_state tid=6 comm='b' +stack\n"},
    {"frames long after the head belong to nobody",
     R"([  10.000000] INFO: task a:5 blocked for more than 120 seconds.
[  10.000001] task:a state:D stack:0 pid:5 ppid:1 flags:0x0
[ 900.000000]  io_sq_thread+0x4ef/0x720
)",
     "task tid=5 ppid=1 comm='a' state=D blocked=120\n"
     "task unknown:{io_sq_thread}\n"
     "hung_task at=10 seconds=120 tid=5 comm='a'\n"},
    {"kasan: stacks of the past are not a backtrace",
     R"(BUG: KASAN: use-after-free in f+0x1/0x2
CPU: 1 PID: 5 Comm: a Not tainted 6.1.0 #1
Call Trace:
 kasan_report+0x1/0x2
Allocated by task 4:
 kmalloc+0x1/0x2
)",
     "host release='6.1.0' version='#1'\n"
     "task tid=5 comm='a' cpu=1 oops:{kasan_report}\n"
     "oops tid=5 comm='a' +stack\n"},
    {"head without a backtrace", "watchdog: BUG: soft lockup - CPU#5 stuck for 23s! [kworker/u16:2:62]\n",
     "task tid=62 comm='kworker/u16:2' state=R cpu=5\n"
     "soft_lockup seconds=23 cpu5 tid=62 comm='kworker/u16:2'\n"
     "problem p:1: the report ends before its backtrace\n"},
};

constexpr Row k_pasted[] = {
    {"ps, ls and stack make one picture",
     R"(USER  PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND
u  308234  0.3  0.0  0 0 ?  Zl  01:55 0:00 [npm run zombie] <defunct>

root@h:/root# ls /proc/308234/task
308234  308312
root@h:/root# cat /proc/308312/stack
[<0>] namespace_unlock+0xd6/0x1b0
[<0>] do_exit+0x212/0x3c0
)",
     "task tid=308234 tgid=308234 comm='npm run zombie' state=Z multi=true %cpu=0.3\n"
     "task tid=308312 tgid=308234 proc_stack:{namespace_unlock do_exit}\n"},
    {"stacks under their threads' paths",
     R"(Task: /proc/7/task/8/stack
[<0>] a_one+0x1/0x2
==> /proc/7/task/9/stack <==
[<0>] a_two+0x1/0x2
/proc/7/task/10/stack:[<0>] a_three+0x1/0x2
/proc/7/task/10/stack:[<0>] a_four+0x1/0x2
)",
     "task tid=8 tgid=7 proc_stack:{a_one}\n"
     "task tid=9 tgid=7 proc_stack:{a_two}\n"
     "task tid=10 tgid=7 proc_stack:{a_three a_four}\n"},
    {"numbers of a loop above the stacks",
     R"(# for i in $(cat tasks); do echo $i; cat /proc/$i/stack; done
2070
[<0>] do_freezer_trap+0x42/0x70
[<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e
2161
[<0>] kthread+0xe8/0x110
)",
     "task tid=2070 proc_stack:{do_freezer_trap entry_SYSCALL_64_after_hwframe}\n"
     "task tid=2161 proc_stack:{kthread}\n"},
    {"folders of a loop above the stacks",
     "$ for t in /proc/7/task/*; do echo $t; cat $t/stack; done\n/proc/7/task/8\n/proc/7/task/9\n[<0>] "
     "a_one+0x1/0x2\n",
     "task tid=8 tgid=7\ntask tid=9 tgid=7 proc_stack:{a_one}\n"},
    {"columns of the command when the header is filtered out",
     "$ ps -eo pid,ppid,stat,wchan:30,comm | grep D\n  64  1 Ds  do_wait  npm start\n",
     "task tid=64 tgid=64 ppid=1 comm='npm start' state=D multi=false wchan='do_wait'\n"},
    {"a row of ps above each stack",
     R"(===1015===
   PID TTY      STAT   TIME COMMAND
  1015 ?        D      0:04 [md2_raid1]
[<0>] md_super_wait+0xa2/0xe0
)",
     "task tid=1015 tgid=1015 comm='md2_raid1' state=D multi=false proc_stack:{md_super_wait}\n"},
    {"two stacks of one command have no task numbers",
     "# cat /proc/7/stack /proc/8/stack\n[<0>] a_one+0x1/0x2\n[<0>] ret_from_fork+0x1/0x2\n[<0>] "
     "a_two+0x1/0x2\n",
     "task proc_stack:{a_one ret_from_fork}\ntask proc_stack:{a_two}\n"},
    {"a count is not a thread", "# ls /proc/7/task | wc -l\n2\n", "task tid=7\n"},
    {"a bare stack has no task number", "[<0>] do_wait+0x1/0x2\n[<0>] do_exit+0x1/0x2\n",
     "task proc_stack:{do_wait do_exit}\n"},
    {"status block",
     "Name:\tnpm start\nState:\tZ "
     "(zombie)\nTgid:\t7\nPid:\t7\nPPid:\t3\nTracerPid:\t0\nNSpid:\t7\t1\nThreads:\t2\n"
     "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\nSigIgn:\t0000000000010000\n"
     "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n",
     "task tid=7 tgid=7 ppid=3 comm='npm start' state=Z threads=2 mm=false nspid=7/1/ tracer=0 sigpnd=0 "
     "shdpnd=100 "
     "sigign=10000\n"},
    {"part of a status: no word on memory", "# grep Pnd /proc/9/status\nSigPnd:\t0\nShdPnd:\t100\n",
     "task tid=9 sigpnd=0 shdpnd=100\n"},
    {"states of unnamed threads", "State:\tD (disk sleep)\nState:\tZ (zombie)\n",
     "task state=D\ntask state=Z\n"},
    {"wchan and syscall", "$ cat /proc/9/wchan\nzap_pid_ns_processes\n$ cat /proc/9/syscall\n61 0xffff 0x0\n",
     "task tid=9 wchan='zap_pid_ns_processes' syscall='61 0xffff 0x0'\n"},
    {"a prompt glued to a file without newline",
     "root@h:~# cat /proc/9/wchan\nzap_pid_ns_processesroot@h:~# cat /proc/9/stack\nroot@h:~# ls\n",
     "task tid=9 wchan='zap_pid_ns_processes' stack=(task running)\n"},
    {"crash",
     "PID: 77  TASK: ffff8800  CPU: 3  COMMAND: \"npm start\"\n #0 [ffff881fe5d6fd40] schedule at "
     "ffffffff816a8f65\n"
     " #1 [ffff881fe5d6fd48] do_exit at ffffffff816a8f66\n",
     "task tid=77 comm='npm start' cpu=3 unknown:{schedule do_exit}\n"},
    {"namespaces that are gone",
     R"([root@h ns]# ls -l /proc/9/ns/
ls: cannot read symbolic link /proc/9/ns/mnt: No such file or directory
lrwxrwxrwx 1 root root 0 Feb  9 17:12 pid -> pid:[4026532278]
)",
     "task tid=9 pidns=4026532278 mntns=(gone)\n"},
    {"freezer",
     "# cat /sys/fs/cgroup/a/cgroup.events\npopulated 1\nfrozen 0\n# cat /sys/fs/cgroup/a/cgroup.freeze\n1\n"
     "# cat /sys/fs/cgroup/freezer/b/freezer.state\nFROZEN\n",
     "cgroup v2 /a asked=true frozen=false\ncgroup v1 /b asked=true frozen=true\n"},
    {"container", "# cat /proc/9/cgroup\n0::/system.slice/docker.scope\n",
     "task tid=9 cgroup='/system.slice/docker.scope'\n"},
    {"tree of ps without a column for the parent",
     R"(22269 ?        Sl     1:33  \_ shim -x
22350 ?        Ss     0:00  |   \_ [dumb-init]
 6756 ?        Zs     0:14  |   \_ [sh] <defunct>
)",
     "task tid=22269 tgid=22269 comm='shim' state=S multi=true\n"
     "task tid=22350 tgid=22350 ppid=22269 comm='dumb-init' state=S multi=false\n"
     "task tid=6756 tgid=6756 ppid=22269 comm='sh' state=Z multi=false\n"},
    {"rows broken before the command",
     "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n"
     "root 9 0.0 0.0 0 0 ? D Jul03 0:04 \n[kworker/u32:0+nfsd4]\nroot 10 0.0 0.0 0 0 ? D Jul03 0:04 [x]\n",
     "task tid=9 tgid=9 comm='kworker/u32:0+nfsd4' state=D multi=false %cpu=0\n"
     "task tid=10 tgid=10 comm='x' state=D multi=false %cpu=0\n"},
    {"pstree", "# pstree -p\nsystemd(1)-+-shim(12)---npm(13)---{npm}(14)\n           `-sshd(15)\n",
     "task tid=1 tgid=1 comm='systemd'\ntask tid=12 tgid=12 ppid=1 comm='shim'\n"
     "task tid=13 tgid=13 ppid=12 comm='npm'\ntask tid=14 tgid=13 comm='npm'\n"
     "task tid=15 tgid=15 ppid=1 comm='sshd'\n"},
    {"a ps that hangs on a command line",
     "open(\"/proc/20/stat\", O_RDONLY) = 6\nread(6, \"20 (java) D 3 3\"..., 1024) = 15\n"
     "open(\"/proc/20/cmdline\", O_RDONLY) = 6\nread(6,\n",
     "task tid=20 ppid=3 comm='java' state=D\nread_hangs tid=20\n"},
    {"stacks of user space are none of the kernel",
     "goroutine 1 [chan send, 5 minutes]:\nmain.main()\n\t/go/x.go:12 +0x1d5\n"
     "Thread 1 (Thread 0x7f (LWP 12)):\n#0  0x00007f in __lll_lock_wait () from /lib/libc.so.6\n",
     "problem p: nothing in this text was understood; what is: kernel log (soft lockup, RCU stall, hung "
     "task, sysrq "
     "reports), /proc/<pid>/{stack,status,stat,wchan,syscall,cgroup} files, ps and pstree listings, freezer "
     "files, "
     "uname -a\n"},
    {"ordinary lines are counted", "uname -r\n6.1.0-1\nhello\nworld\n",
     "host release='6.1.0-1'\nproblem p: 2 lines not used\n"},
};

void check(const Row& row) {
  SCOPED_TRACE(row.name);
  std::string actual = dump(read_text(row.input, "p"));
  // The summary of unused lines counts commands too; it matters only where it is expected.
  if (std::string_view(row.expected).find("not used") == std::string_view::npos)
    if (const std::size_t at = actual.find("problem p: ");
        at != std::string::npos && actual.find("lines not used") != std::string::npos)
      actual.resize(at);
  EXPECT_EQ(actual, row.expected);
}

TEST(ReadText, KernelLog) {
  for (const Row& row : k_kernel_log) check(row);
}

TEST(ReadText, PastedFiles) {
  for (const Row& row : k_pasted) check(row);
}

TEST(ReadText, AReleaseSaysNothingOfTheKernelsCode) {
  for (const char* version : {"5.15.0-105-generic", "6.1.192", "7.1.0"}) {
    const Snapshot snapshot = read_text(std::string("[    0.000000] Linux version ") + version +
                                            " (a@b) #1 SMP Thu Jan 1 00:00:00 UTC 2026\n",
                                        "p");
    EXPECT_EQ(snapshot.host.wait_fix, Absence::not_asked) << version;
  }
}

TEST(ReadText, SaysWhereThingsStand) {
  const Snapshot snapshot = read_text(
      "\n\nINFO: task a:5 blocked for more than 120 seconds.\nCall Trace:\n do_exit+0x1/0x2\n", "x.txt");
  ASSERT_EQ(snapshot.tasks.size(), 1U);
  ASSERT_EQ(snapshot.events.size(), 1U);
  EXPECT_EQ(snapshot.tasks[0].where, "x.txt:3");
  EXPECT_EQ(snapshot.events[0].where, "x.txt:3");
  ASSERT_TRUE(snapshot.tasks[0].stack);
  EXPECT_EQ(snapshot.tasks[0].stack->where, "x.txt:3");
  EXPECT_FALSE(snapshot.all_tasks);
}

}  // namespace
}  // namespace unzap::text
