// SPDX-License-Identifier: Apache-2.0
// The files of a task: stat, status, stack, cgroup, and the links of ns.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "linux/cgroup.hpp"
#include "linux/frames.hpp"
#include "linux/io_thread.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_stat.hpp"
#include "linux/task_status.hpp"
#include "sources/procfs/fixture.hpp"

namespace unzap {
namespace {

struct Row {
  const char* name;
  std::string text;
  std::string expected;
};

std::string dump(const std::optional<StatLine>& line) {
  if (!line) return "error";
  return fmt::format("{} comm={} state={} ppid={} flags={:#x} u={} s={} threads={} start={} cpu={}",
                     line->tid, line->comm, line->state, *line->ppid, *line->flags, *line->utime_ticks,
                     *line->stime_ticks, line->threads.value_or(0), *line->start_ticks, *line->processor);
}

TEST(ParseStat, Rows) {
  const std::string plain =
      stat_text({.tid = 7, .comm = "sh", .state = 'D', .ppid = 4, .flags = 0x40000c, .stime = 9});
  const Row rows[] = {
      {"plain", plain, "7 comm=sh state=D ppid=4 flags=0x40000c u=3 s=9 threads=1 start=100 cpu=1"},
      {"comm holds blanks and parens", stat_text({.tid = 8, .comm = "a) R (b", .state = 'Z'}),
       "8 comm=a) R (b state=Z ppid=0 flags=0x0 u=3 s=0 threads=1 start=100 cpu=1"},
      {"empty comm", stat_text({.comm = ""}),
       "1 comm= state=S ppid=0 flags=0x0 u=3 s=0 threads=1 start=100 cpu=1"},
      {"a real zombie",
       "3210 (iou-wrk-3208) Z 1 3208 0 0 -1 4227084 0 0 0 0 0 51 0 0 20 0 2 0 77182 0 0 18446744073709551615 "
       "0 0 0 0 "
       "0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
       "3210 comm=iou-wrk-3208 state=Z ppid=1 flags=0x40800c u=0 s=51 threads=2 start=77182 cpu=1"},
      {"cut before the processor", plain.substr(0, plain.size() - 34), "error"},
      {"no comm", "7 S 1 2 3", "error"},
      {"comm not closed", "7 (sh", "error"},
      {"tid is not a number", "x" + plain, "error"},
      {"flags are not a number",
       "7 (sh) S 1 1 1 0 -1 zz 0 0 0 0 1 1 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 1", "error"},
      {"empty", "", "error"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_stat(row.text)), row.expected);
  }
}

std::string dump_known(const std::optional<StatLine>& stat) {
  if (!stat) return "none";
  std::string out = fmt::format("{} '{}' {} ppid={}", stat->tid, stat->comm, stat->state, *stat->ppid);
  const auto number = [&](const char* name, const auto& value) {
    if (value) out += fmt::format(" {}={}", name, *value);
  };
  number("flags", stat->flags);
  number("utime", stat->utime_ticks);
  number("stime", stat->stime_ticks);
  number("threads", stat->threads);
  number("start", stat->start_ticks);
  number("mm", stat->has_mm);
  number("cpu", stat->processor);
  return out;
}

const Row k_cut_stats[] = {
    {"whole",
     "7 (sh) S 1 7 7 0 -1 4194304 1 2 3 4 50 60 0 0 20 0 3 0 777 4096000 12 18446744073709551615 1 1 1 1 1 0 "
     "0 0 0 0 "
     "0 0 17 5 0 0 0 0 0",
     "7 'sh' S ppid=1 flags=4194304 utime=50 stime=60 threads=3 start=777 mm=true cpu=5"},
    {"no memory map", "7 (sh) Z 1 7 7 0 -1 4 1 2 3 4 50 60 0 0 20 0 2 0 777 0 0 18446744073709551615",
     "7 'sh' Z ppid=1 flags=4 utime=50 stime=60 threads=2 start=777 mm=false"},
    {"blank and parentheses", "7 (a) b) R 1 7", "7 'a) b' R ppid=1"},
    {"cut by strace", "20262 (java) D 20258 20258 20258", "20262 'java' D ppid=20258"},
    {"cut in the name", "7 (sh", "none"},
    {"no state", "7 (sh)", "none"},
    {"bad state", "7 (sh) ? 1", "none"},
    {"number too large", "99999999999 (sh) S 1", "none"},
    {"numbers too large inside", "7 (sh) S 1 7 7 0 -1 99999999999999999999999 1", "7 'sh' S ppid=1"},
    {"prose", "7 (or so) of them", "none"},
    {"empty", "", "none"},
};

TEST(ParseCutStat, AsFarAsItGoes) {
  for (const Row& row : k_cut_stats) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump_known(parse_cut_stat(row.text)), row.expected);
  }
}

std::string dump_status(const std::string& text) {
  Task task;
  Reading<std::uint64_t> switches;
  if (!parse_status(text, task, switches)) return task == Task() ? "error" : "error that changed the task";
  std::string out =
      fmt::format("state={} tgid={} threads={} mm={}", task.state.value_or('?'), task.tgid.value_or(-1),
                  task.threads.value_or(-1), task.has_mm.value_or(false));
  if (task.ns_pids)
    for (const std::int32_t pid : *task.ns_pids) out += fmt::format(" ns{}", pid);
  if (task.pending_shared) out += fmt::format(" shd={:#x}", *task.pending_shared);
  if (task.tracer_pid) out += fmt::format(" tracer={}", *task.tracer_pid);
  if (switches) out += fmt::format(" switches={}", *switches);
  return out;
}

TEST(ParseStatus, Rows) {
  const Row rows[] = {
      {"a dying init",
       "Name:\tnpm start\nState:\tS "
       "(sleeping)\nTgid:\t42\nPid:\t42\nTracerPid:\t0\nNSpid:\t42\t1\nThreads:\t1\n"
       "ShdPnd:\t0000000000000100\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t7\n",
       "state=S tgid=42 threads=1 mm=false ns42 ns1 shd=0x100 tracer=0 switches=12"},
      {"alive", "State:\tR (running)\nVmSize:\t  10 kB\n", "state=R tgid=-1 threads=-1 mm=true"},
      {"name that looks like a field", "Name:\tState: X\nState:\tD (disk sleep)\n",
       "state=D tgid=-1 threads=-1 mm=false"},
      {"half of the switches is not a sum", "State:\tD\nvoluntary_ctxt_switches:\t5\n",
       "state=D tgid=-1 threads=-1 mm=false"},
      {"a number that is none stays absent", "State:\tD\nTgid:\tx\n", "state=D tgid=-1 threads=-1 mm=false"},
      {"no state", "Name:\tsh\nTgid:\t3\n", "error"},
      {"empty", "", "error"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump_status(row.text), row.expected);
  }
}

std::string dump_stack(const std::string& text) {
  const auto stack = parse_stack_file(text, "x");
  if (!stack) return "error";
  std::string out;
  for (const Frame& frame : stack->frames)
    out += fmt::format("{}+{:#x}/{:#x}[{}] ", frame.function, frame.offset, frame.size, frame.module);
  return out;
}

TEST(ParseStackFile, Rows) {
  const Row rows[] = {
      {"two frames", "[<0>] do_exit+0x2df/0x900\n[<0>] nfs_wait+0x1/0x2 [nfs]\n",
       "do_exit+0x2df/0x900[] nfs_wait+0x1/0x2[nfs] "},
      {"compiler's suffix", "[<0>] io_sq_thread.cold+0x2d/0x2f\n", "io_sq_thread+0x2d/0x2f[] "},
      {"addresses and the end mark of old kernels",
       "[<ffffffff810b5d2e>] do_wait+0x1e/0x30\n[<ffffffffffffffff>] 0xffffffffffffffff\n",
       "do_wait+0x1e/0x30[] "},
      {"empty with success", "", ""},
      {"an error message", "cat: stack: Permission denied\n", "error"},
      {"size cut off", "[<0>] do_exit+0x2df\n", "error"},
      {"not closed", "[<0 do_exit+0x2df/0x900\n", "error"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump_stack(row.text), row.expected);
  }
  EXPECT_EQ(parse_stack_file("", "where")->origin, StackOrigin::proc_stack);
}

TEST(ParseCgroup, PathThatSaysMost) {
  EXPECT_EQ(parse_cgroup("0::/system.slice/a\n").best(), "/system.slice/a");
  EXPECT_EQ(parse_cgroup("9:name=systemd:/s\n6:freezer:/f\n0::/\n").best(), "/f");
  EXPECT_EQ(parse_cgroup("9:name=systemd:/s\n4:memory:/m\n").best(), "/s");
  EXPECT_EQ(parse_cgroup("5:cpu,freezer:/x:y\n").freezer, "/x:y");
  EXPECT_EQ(parse_cgroup("0::/\n").best(), "/");
  EXPECT_EQ(parse_cgroup("nonsense").best(), "");
  const std::string container = "/docker/" + std::string(64, 'a');
  EXPECT_EQ(parse_cgroup("6:freezer:" + container + "\n0::/system.slice/containerd.service\n").best(),
            container);
}

TEST(ParseNamespaceLink, WholeOrNothing) {
  EXPECT_EQ(parse_namespace_link("pid:[4026531836]"), 4026531836U);
  EXPECT_EQ(parse_namespace_link("pid:[40265"), std::nullopt);
  EXPECT_EQ(parse_namespace_link("/bin/sh"), std::nullopt);
  EXPECT_EQ(parse_namespace_link("x pid:[4026531836]"), std::nullopt);
  EXPECT_EQ(parse_namespace_link("pid:[4026531836] "), std::nullopt);
}

TEST(FindNamespaceLink, InALineOfLs) {
  const auto link = find_namespace_link("lrwxrwxrwx 1 root root 0 Feb  9 17:12 mnt -> mnt:[4026532278]");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->kind, "mnt");
  EXPECT_EQ(link->inode, 4026532278U);
  EXPECT_FALSE(find_namespace_link("mnt -> mnt:[40265322"));
}

TEST(ParseCgroupLine, Rows) {
  const Row rows[] = {
      {"unified", "0::/user.slice", "unified /user.slice"},
      {"freezer among others", "5:cpu,freezer,cpuacct:/x:y", "freezer /x:y"},
      {"not the freezer", "5:freezer2:/x", " /x"},
      {"systemd", "1:name=systemd:/", "systemd /"},
      {"another named hierarchy", "1:name=elogind:/", " /"},
      {"no path", "5:cpu:", "error"},
      {"no number", "cpu:cpu:/", "error"},
      {"one colon", "5:/", "error"},
      {"empty", "", "error"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto line = parse_cgroup_line(row.text);
    EXPECT_EQ(
        line ? fmt::format("{}{}{} {}", line->unified() ? "unified" : "", line->freezer() ? "freezer" : "",
                           line->systemd() ? "systemd" : "", line->path)
             : std::string("error"),
        row.expected);
  }
}

TEST(IoThreadName, Rows) {
  using Kind = IoThreadName::Kind;
  ASSERT_TRUE(parse_io_thread_name("iou-wrk-306207"));
  EXPECT_EQ(parse_io_thread_name("iou-wrk-306207")->kind, Kind::worker);
  EXPECT_EQ(parse_io_thread_name("iou-wrk-306207")->creator, 306207);
  EXPECT_EQ(parse_io_thread_name("iou-sqp-7")->kind, Kind::sqpoll);
  EXPECT_EQ(parse_io_thread_name("iou-mgr-7")->kind, Kind::manager);
  for (const char* name : {"iou-wrk-", "iou-wrk-x", "iou-wrk-0", "iou-wrk--7"})
    EXPECT_EQ(parse_io_thread_name(name)->creator, std::nullopt) << name;
  for (const char* name : {"", "iou-", "iou-abc-7", "kworker/0:1"})
    EXPECT_FALSE(parse_io_thread_name(name)) << name;
}

}  // namespace
}  // namespace unzap
