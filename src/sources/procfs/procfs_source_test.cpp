// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/procfs_source.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>

#include "sources/procfs/fixture.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {
namespace {

constexpr const char* k_stack = "[<0>] synchronize_rcu_expedited+0x27b/0x3d0\n[<0>] do_exit+0x2df/0x900\n";

ProcfsOptions quick(const Fixture& fixture) {
  ProcfsOptions options;
  options.root = fixture.root();
  options.sample_seconds = 0.02;
  options.read_timeout_seconds = 0.2;
  options.total_timeout_seconds = 5;
  return options;
}

Snapshot read(const ProcfsOptions& options) {
  Result<Snapshot> result = read_procfs(options);
  EXPECT_TRUE(static_cast<bool>(result)) << (result ? "" : result.error().text());
  return result ? *result : Snapshot{};
}

const Task& task_of(const Snapshot& snapshot, std::int32_t tid) {
  const auto found = std::find_if(snapshot.tasks.begin(), snapshot.tasks.end(),
                                  [tid](const Task& task) { return task.tid.is(tid); });
  EXPECT_NE(found, snapshot.tasks.end()) << "no task " << tid;
  static const Task nobody;
  return found == snapshot.tasks.end() ? nobody : *found;
}

std::string all_problems(const Snapshot& snapshot) {
  std::string out;
  for (const Problem& problem : snapshot.problems) out += problem.where + ": " + problem.text + "\n";
  return out;
}

/// The files of a thread in D.
std::vector<FakeFile> stuck(std::int32_t tgid, std::int32_t tid) {
  const std::string task = fmt::format("{}/task/{}/", tgid, tid);
  return {{task + "stat", stat_text({.tid = tid, .comm = "worker", .state = 'D', .ppid = 1})},
          {task + "status", "State:\tD (disk sleep)\nNSpid:\t" + std::to_string(tid) + "\t1\n"},
          {task + "stack", k_stack},
          {task + "wchan", "synchronize_rcu_expedited"},
          {task + "syscall", "34 0x0"},
          {task + "cgroup", "0::/docker/" + std::string(64, 'c') + "\n"},
          {task + "ns/pid", "pid:[4026532001]", FakeFile::link},
          {task + "ns/mnt", "mnt:[4026532002]", FakeFile::link}};
}

void add(Fixture& fixture, const std::vector<FakeFile>& files) {
  for (const FakeFile& file : files) fixture.add({file});
}

TEST(Procfs, AThreadInUninterruptibleSleep) {
  Fixture fixture{{"sys/kernel/osrelease", "6.1.0\n"},
                  {"sys/kernel/version", "#1 SMP PREEMPT Thu\n"},
                  {"sys/kernel/hostname", "node7\n"},
                  {"sys/kernel/hung_task_detect_count", "3\n"},
                  {"stat", "cpu  1 2\ncpu0 1\ncpu1 1\nintr 5\n"},
                  {"2/task/2/stat", stat_text({.tid = 2, .comm = "kthreadd", .flags = k_pf_kthread})}};
  add(fixture, stuck(40, 41));
  const Snapshot snapshot = read(quick(fixture));
  EXPECT_EQ(snapshot.origin, Origin::live);
  EXPECT_TRUE(snapshot.all_tasks);
  EXPECT_EQ(snapshot.host.name, std::string("node7"));
  EXPECT_EQ(snapshot.host.kernel_release, std::string("6.1.0"));
  EXPECT_EQ(snapshot.host.cpus, 2);
  EXPECT_EQ(snapshot.host.hung_tasks, std::uint64_t{3});
  EXPECT_EQ(snapshot.host.soft_lockups, Absence::not_asked)
      << "of this machine, and this is not a procfs of it";
  EXPECT_EQ(snapshot.host.preemption, Preemption::full);
  const Task& task = task_of(snapshot, 41);
  EXPECT_EQ(task.tgid, 40);
  EXPECT_EQ(task.comm, std::string("worker"));
  EXPECT_EQ(task.state, 'D');
  EXPECT_EQ(task.wchan, std::string("synchronize_rcu_expedited"));
  EXPECT_EQ(task.syscall, std::string("34 0x0"));
  EXPECT_EQ(task.pid_ns, std::uint64_t{4026532001});
  EXPECT_EQ(task.mnt_ns, std::uint64_t{4026532002});
  EXPECT_EQ(task.container, std::string(64, 'c'));
  EXPECT_EQ(task.where, fixture.root() + "/40/task/41");
  ASSERT_TRUE(task.stack);
  EXPECT_TRUE(task.stack->has_in_order({"synchronize_rcu_expedited", "do_exit"}));
  EXPECT_EQ(task.stack->where, fixture.root() + "/40/task/41/stack");
  EXPECT_EQ(task.samples.size(), 2U);
  EXPECT_EQ(all_problems(snapshot), "");
}

TEST(Procfs, ATaskThatDoesNotMatterIsReadInItsStatOnly) {
  Fixture fixture{};
  add(fixture, stuck(40, 41));
  fixture.add({{"50/task/50/stat", stat_text({.tid = 50, .state = 'S', .ppid = 1})},
               {"50/task/50/status", "", FakeFile::pipe}});
  const Snapshot snapshot = read(quick(fixture));
  EXPECT_EQ(all_problems(snapshot).find("did not answer"), std::string::npos)
      << "it waited for a file that it had no reason to open: " << all_problems(snapshot);
  EXPECT_EQ(task_of(snapshot, 50).stack, Absence::not_asked);
  EXPECT_FALSE(snapshot.all_tasks) << "no kthreadd: the view of one pid namespace";
}

TEST(Procfs, AReadThatBlocksIsLeftBehind) {
  Fixture fixture{};
  add(fixture, stuck(40, 41));
  add(fixture, stuck(40, 42));
  add(fixture, stuck(40, 43));
  for (const char* path : {"40/task/41/stack", "40/task/42/status"}) {
    std::filesystem::remove(fixture.root() + "/" + path);
    fixture.add({{path, "", FakeFile::pipe}});
  }
  const double start = monotonic_seconds();
  const Snapshot snapshot = read(quick(fixture));
  EXPECT_LT(monotonic_seconds() - start, 3 * 0.2 + 1.4);
  const Task& stack_blocks = task_of(snapshot, 41);
  EXPECT_EQ(stack_blocks.stack, Absence::timed_out);
  EXPECT_EQ(stack_blocks.wchan, std::string("synchronize_rcu_expedited"));
  EXPECT_EQ(stack_blocks.pid_ns, std::uint64_t{4026532001}) << "read after the one that blocked";
  const Task& status_blocks = task_of(snapshot, 42);
  EXPECT_EQ(status_blocks.ns_pids, Absence::timed_out);
  EXPECT_EQ(status_blocks.state, 'D');
  EXPECT_EQ(status_blocks.blocked_read, std::string("status"));
  EXPECT_EQ(status_blocks.stack, Absence::timed_out)
      << "of a task of which one file blocks no other is asked";
  EXPECT_EQ(stack_blocks.blocked_read, std::string("stack"));
  EXPECT_EQ(stack_blocks.samples.size(), 2U) << "stat did not block";
  EXPECT_EQ(task_of(snapshot, 43).blocked_read, Absence::not_asked);
  EXPECT_TRUE(task_of(snapshot, 43).stack);
  EXPECT_TRUE(task_of(snapshot, 43).ns_pids);
  EXPECT_NE(all_problems(snapshot).find("stack (1 times), status (1 times)"), std::string::npos)
      << all_problems(snapshot);
}

TEST(Procfs, TheTotalDeadlineHolds) {
  Fixture fixture{};
  for (std::int32_t tid = 41; tid < 60; ++tid) {
    add(fixture, stuck(40, tid));
    const std::string stat = fmt::format("40/task/{}/stat", tid);
    std::filesystem::remove(fixture.root() + "/" + stat);
    fixture.add({{stat, "", FakeFile::pipe}});
  }
  ProcfsOptions options = quick(fixture);
  options.total_timeout_seconds = 0.7;
  const double start = monotonic_seconds();
  const Snapshot snapshot = read(options);
  EXPECT_LT(monotonic_seconds() - start, 2.5) << "19 times 0.2 s would be too long";
  EXPECT_EQ(snapshot.tasks.size(), 19U);
  EXPECT_EQ(task_of(snapshot, 59).state, Absence::timed_out);
}

TEST(Procfs, AFileNameThatKeepsBlockingIsNotAskedAgain) {
  Fixture fixture{};
  for (std::int32_t tid = 41; tid < 53; ++tid) {
    add(fixture, stuck(40, tid));
    const std::string cgroup = fmt::format("40/task/{}/cgroup", tid);
    std::filesystem::remove(fixture.root() + "/" + cgroup);
    fixture.add({{cgroup, "", FakeFile::pipe}});
  }
  const double start = monotonic_seconds();
  const Snapshot snapshot = read(quick(fixture));
  EXPECT_LT(monotonic_seconds() - start, 2.0) << "12 times 0.2 s would be too long";
  for (std::int32_t tid = 41; tid < 53; ++tid) {
    EXPECT_EQ(task_of(snapshot, tid).cgroup, Absence::timed_out);
    EXPECT_TRUE(task_of(snapshot, tid).stack);
  }
}

TEST(Procfs, AnEmptyStackSaysWhichKindOfNothing) {
  Fixture fixture{
      {"60/task/60/stat", stat_text({.tid = 60, .comm = "npm start", .state = 'R', .flags = k_pf_exiting})},
      {"60/task/60/status", "State:\tS (sleeping)\nNSpid:\t60\t1\n"},
      {"60/task/60/stack", ""},
      {"60/task/60/wchan", "0"},
      {"60/task/60/syscall", "running"},
      {"61/task/61/stat", stat_text({.tid = 61, .state = 'Z', .flags = k_pf_exiting})},
      {"61/task/61/status", "State:\tZ (zombie)\n"},
      {"61/task/61/stack", ""},
      {"61/task/61/wchan", "0"}};
  const Snapshot snapshot = read(quick(fixture));
  const Task& spinner = task_of(snapshot, 60);
  EXPECT_EQ(spinner.stack, Absence::task_running);
  EXPECT_EQ(spinner.wchan, Absence::task_running);
  EXPECT_EQ(spinner.state, 'R');
  const Task& zombie = task_of(snapshot, 61);
  EXPECT_EQ(zombie.stack, Absence::gone);
  EXPECT_EQ(zombie.wchan, Absence::gone);
  EXPECT_EQ(zombie.pid_ns, Absence::gone);
}

TEST(Procfs, GarbageIsAProblemAndNotATask) {
  Fixture fixture{{"70/task/70/stat", "70 (sh S garbage\n"},
                  {"71/task/71/stat", stat_text({.tid = 71, .state = 'D'})},
                  {"71/task/71/status", "\xff\xfe"},
                  {"71/task/71/stack", "no frames here\n"}};
  const Snapshot snapshot = read(quick(fixture));
  const std::string problems = all_problems(snapshot);
  EXPECT_NE(problems.find("70/task/70/stat: is not a stat line"), std::string::npos) << problems;
  EXPECT_NE(problems.find("71/task/71/status: is not a status file"), std::string::npos) << problems;
  EXPECT_NE(problems.find("71/task/71/stack: is not a stack file"), std::string::npos) << problems;
  EXPECT_EQ(task_of(snapshot, 71).stack, Absence::not_in_this_kernel);
}

TEST(Procfs, ARecycledNumberIsDropped) {
  // The first look sees a zombie of start 100; the file changes while the status of another task blocks.
  Fixture fixture{};
  add(fixture, stuck(40, 41));
  add(fixture, stuck(42, 42));
  std::filesystem::remove(fixture.root() + "/40/task/41/stack");
  fixture.add({{"40/task/41/stack", "", FakeFile::pipe}});
  const pid_t changer = ::fork();
  if (changer == 0) {
    ::usleep(100000);
    fixture.add({{"42/task/42/stat", stat_text({.tid = 42, .comm = "new", .state = 'D', .start = 999})}});
    ::_exit(0);
  }
  const Snapshot snapshot = read(quick(fixture));
  ::waitpid(changer, nullptr, 0);
  EXPECT_EQ(snapshot.tasks.size(), 1U);
  EXPECT_EQ(task_of(snapshot, 41).comm, std::string("worker"));
}

TEST(Procfs, WhatIsNoProcfsIsAnError) {
  Fixture empty{{"readme", "nothing here\n"}};
  ProcfsOptions options = quick(empty);
  const Result<Snapshot> no_process = read_procfs(options);
  ASSERT_FALSE(no_process);
  EXPECT_EQ(no_process.error().kind, ErrorKind::bad_data);
  options.root = empty.root() + "/missing";
  const Result<Snapshot> missing = read_procfs(options);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::no_input);
}

TEST(Procfs, AZombieOfThisHost) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  ProcfsOptions options;
  options.sample_seconds = 0.02;
  options.include_self = true;
  const Snapshot snapshot = read(options);
  const Task& zombie = task_of(snapshot, child);
  EXPECT_EQ(zombie.state, 'Z');
  EXPECT_EQ(zombie.ppid, ::getpid());
  const Task& parent = task_of(snapshot, ::getpid());
  EXPECT_TRUE(parent.ns_pids) << "the parent of a zombie matters";
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(snapshot.host.kernel_release);
}

}  // namespace
}  // namespace unzap
