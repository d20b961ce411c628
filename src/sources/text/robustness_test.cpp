// SPDX-License-Identifier: Apache-2.0
// Whatever is pasted: no crash, no hang, bounded memory.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "sources/text/builder.hpp"
#include "sources/text/text_source.hpp"

namespace unzap::text {
namespace {

constexpr std::string_view k_sample =
    R"([  10.500000] watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [npm start:4711]
[  10.500002] CPU: 3 PID: 4711 Comm: npm start Tainted: G             L    5.15.0-1-generic #1-Ubuntu
[  10.500003] RIP: 0010:_raw_read_lock+0x25/0x30
[  10.500005] Call Trace:
[  10.500006]  <IRQ>
[  10.500007]  ? show_regs.part.0+0x23/0x29
[  10.500009]  </IRQ>
[  10.500013]  zap_pid_ns_processes+0x111/0x1a0
6,12,345,-;rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 2-...! P7 } 26 jiffies s: 101 root: 0x4/.
Jun 05 12:00:00 h kernel: INFO: task sh:7 blocked for more than 120 seconds.
> task:sh state:D stack:0 pid:7 tgid:7
> ppid:1 flags:0x4
docker          D ffff8800b5c07cc8     0  1181      1 0x00000000
 [<ffffffff8180a685>] schedule+0x35/0x80
Out of memory: Killed process 128 (java) total-vm:14008kB
USER  PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND
u  308234  0.3  0.0  0 0 ?  Zl  01:55 0:00  \_ [npm run zombie] <defunct>
root@h:/root# ls /proc/308234/task
308234  308312
root@h:/root# cat /proc/308312/stack
[<0>] namespace_unlock+0xd6/0x1b0 [nfs]
/proc/7/task/8/status:SigPnd:	0000000000000100
7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 50 60 0 0 20 0 3 0 777 4096000 12 18446744073709551615
systemd(1)-+-shim(12)---npm(13)---{npm}(14)
open("/proc/20/cmdline", O_RDONLY) = 6
# cat /sys/fs/cgroup/a/cgroup.events
frozen 0
Linux h 6.1.0 #1 SMP PREEMPT Fri x86_64
)";

void expect_bounds(const Snapshot& snapshot) {
  ASSERT_LE(snapshot.tasks.size(), k_most_tasks);
  ASSERT_LE(snapshot.events.size(), k_most_events);
  for (const Task& task : snapshot.tasks) {
    if (task.stack) {
      ASSERT_LE(task.stack->frames.size(), k_most_frames);
    }
  }
}

std::string mutate(std::string text, std::mt19937& random) {
  const auto place = [&] { return text.empty() ? 0 : random() % text.size(); };
  for (auto changes = 1 + random() % 6; changes > 0; --changes) {
    switch (random() % 6) {
      case 0: text.resize(place()); break;
      case 1:
        if (!text.empty()) text[place()] = static_cast<char>(random() % 256);
        break;
      case 2: text.insert(place(), 1, "\n\0 :[<>]{}()/0x#9"[random() % 18]); break;
      case 3: text.erase(place(), random() % 40); break;
      case 4: text.insert(place(), text.substr(place(), random() % 200)); break;
      default: text.erase(0, place() / 4); break;
    }
  }
  return text;
}

TEST(Robustness, MutatedInput) {
  std::mt19937 random(20240605);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = mutate(std::string(k_sample), random);
    SCOPED_TRACE(round);
    expect_bounds(read_text(text, "m"));
    if (HasFatalFailure()) return;
  }
}

TEST(Robustness, EveryPrefix) {
  for (std::size_t size = 0; size <= k_sample.size(); ++size)
    expect_bounds(read_text(k_sample.substr(0, size), "p"));
}

TEST(Robustness, RandomBytes) {
  std::mt19937 random(7);
  std::string text(1 << 20, '\0');
  for (char& c : text) c = static_cast<char>(random());
  expect_bounds(read_text(text, "r"));
}

TEST(Robustness, NothingUnderstoodIsSaidOnce) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("\0\0\0", 3), std::string_view("hi\n")})
    EXPECT_FALSE(read_text(text, "n").problems.empty());
  EXPECT_EQ(read_text("hi\n", "n").problems.size(), 1U);
}

TEST(Robustness, CapsHoldAndAreSaid) {
  std::string text;
  for (int i = 1; i <= 60'000; ++i)
    text += "INFO: task a:" + std::to_string(i) + " blocked for more than 120 seconds.\n";
  text += "Call Trace:\n";
  for (int i = 0; i < 1000; ++i) text += " do_exit+0x1/0x2\n";
  const Snapshot snapshot = read_text(text, "c");
  EXPECT_EQ(snapshot.tasks.size(), k_most_tasks);
  EXPECT_EQ(snapshot.events.size(), k_most_events);
  std::string problems;
  for (const Problem& problem : snapshot.problems) problems += problem.text + "\n";
  EXPECT_NE(problems.find("more than 50000 tasks"), std::string::npos) << problems;
  EXPECT_NE(problems.find("more than 20000 kernel reports"), std::string::npos) << problems;
  EXPECT_NE(problems.find("more than 128 frames"), std::string::npos) << problems;
}

}  // namespace
}  // namespace unzap::text
