// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/select.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

Task task(std::int32_t tid, std::int32_t tgid, std::int32_t ppid, char state, std::uint64_t flags = 0) {
  Task out;
  out.tid = tid;
  out.tgid = tgid;
  out.ppid = ppid;
  out.state = state;
  out.flags = flags;
  return out;
}

std::set<std::int32_t> tids(const std::vector<Task>& tasks, const std::set<std::size_t>& places) {
  std::set<std::int32_t> out;
  for (const std::size_t i : places) out.insert(*tasks[i].tid);
  return out;
}

TEST(TasksThatMatter, StuckOnesAndTheFamilyOfTheDying) {
  const std::vector<Task> tasks{task(1, 1, 0, 'S'),
                                task(2, 2, 0, 'S', k_pf_kthread),
                                task(9, 9, 2, 'D', k_pf_kthread),
                                task(10, 10, 1, 'S'),
                                task(11, 11, 10, 'Z'),
                                task(12, 11, 10, 'R', k_pf_exiting),
                                task(13, 13, 11, 'S'),
                                task(20, 20, 1, 'R'),
                                task(21, 21, 1, 'T')};
  // 11 and 12 are dying: their parent 10 and their child 13 matter; the parents of 9 and 21 do not.
  EXPECT_EQ(tids(tasks, tasks_that_matter(tasks)), (std::set<std::int32_t>{9, 10, 11, 12, 13, 21}));
}

TEST(TasksThatMatter, OfAParentWithManyThreadsOnlyTheLeader) {
  std::vector<Task> tasks{task(500, 500, 100, 'Z')};
  for (std::int32_t tid = 100; tid < 200; ++tid) tasks.push_back(task(tid, 100, 1, 'S'));
  EXPECT_EQ(tids(tasks, tasks_that_matter(tasks)), (std::set<std::int32_t>{100, 500}));
}

TEST(MembersOfDying, DescendantsOfADyingInit) {
  std::vector<Task> tasks{task(50, 50, 1, 'S', k_pf_exiting), task(51, 51, 50, 'S'), task(52, 52, 51, 'S'),
                          task(60, 60, 1, 'S')};
  EXPECT_TRUE(members_of_dying(tasks, {0}).empty()) << "nothing says that 50 is an init";
  tasks[0].ns_pids = std::vector<std::int32_t>{50, 1};
  EXPECT_EQ(tids(tasks, members_of_dying(tasks, {0})), (std::set<std::int32_t>{51, 52}));
  tasks[0].flags = 0;
  EXPECT_TRUE(members_of_dying(tasks, {0}).empty()) << "50 is not on its way out";
}

TEST(TasksThatMatter, WhoIsKilledAndStillThere) {
  std::vector<Task> tasks{task(1, 1, 0, 'S'), task(30, 30, 1, 'S'), task(31, 31, 1, 'S')};
  EXPECT_TRUE(tasks_that_matter(tasks).empty());
  tasks[1].pending_private = std::uint64_t{0x100};
  tasks[2].pending_private = std::uint64_t{0x200};
  EXPECT_EQ(tids(tasks, tasks_that_matter(tasks)), (std::set<std::int32_t>{1, 30}));
}

TEST(PossibleMembers, WhoIsNotOlderThanTheInit) {
  std::vector<Task> tasks{task(50, 50, 1, 'S', k_pf_exiting), task(60, 60, 1, 'S'), task(61, 60, 1, 'S'),
                          task(62, 62, 1, 'S'), task(63, 63, 2, 'S', k_pf_kthread)};
  for (Task& each : tasks) each.start_ticks = std::uint64_t{5000};
  tasks[3].start_ticks = std::uint64_t{4000};
  tasks[0].ns_pids = std::vector<std::int32_t>{50, 1};
  EXPECT_TRUE(possible_members(tasks, {0}, dying_namespaces(tasks)).empty())
      << "which namespace is not known";
  tasks[0].pid_ns = std::uint64_t{77};
  EXPECT_EQ(tids(tasks, possible_members(tasks, {0}, dying_namespaces(tasks))), (std::set<std::int32_t>{60}));
  EXPECT_EQ(tids(tasks, threads_and_parents(tasks, {0}, {1})), (std::set<std::int32_t>{60, 61}));
}

TEST(Tracers, OfThoseThatAreKnown) {
  std::vector<Task> tasks{task(50, 50, 1, 'Z'), task(70, 70, 1, 'S'), task(71, 71, 1, 'S')};
  EXPECT_TRUE(tracers(tasks, {0}).empty());
  tasks[0].tracer_pid = 70;
  tasks[2].tracer_pid = 50;
  EXPECT_EQ(tids(tasks, tracers(tasks, {0})), (std::set<std::int32_t>{70}));
  EXPECT_TRUE(tracers(tasks, {0, 1}).empty());
}

TEST(BusyInKernel, ByTheTwoSamples) {
  std::vector<Task> tasks{task(70, 70, 1, 'R'), task(71, 71, 1, 'R'), task(72, 72, 1, 'R')};
  tasks[0].samples = {{0.0, 'R', 0, 100, {}}, {1.0, 'R', 0, 190, {}}};
  tasks[1].samples = {{0.0, 'R', 0, 100, {}}, {1.0, 'R', 90, 110, {}}};
  tasks[2].samples = {{0.0, 'R', 0, 100, {}}};
  EXPECT_EQ(tids(tasks, busy_in_kernel(tasks, {})), (std::set<std::int32_t>{70}));
  EXPECT_TRUE(busy_in_kernel(tasks, {0}).empty());
}

TEST(Unsettled, WhatOneLookCannotTell) {
  const std::vector<Task> tasks{task(1, 1, 0, 'S'),
                                task(2, 2, 1, 'R'),
                                task(3, 3, 1, 'D'),
                                task(4, 4, 1, 'S', k_pf_exiting),
                                task(5, 5, 1, 'Z', k_pf_exiting),
                                task(6, 6, 1, 'T')};
  EXPECT_EQ(tids(tasks, unsettled(tasks, {2, 3, 4, 5})), (std::set<std::int32_t>{2, 3, 4}));
  EXPECT_EQ(tids(tasks, unsettled(tasks, {})), (std::set<std::int32_t>{2})) << "busy ones on every host";
}

TEST(Lasting, WhatOnlyMoreTimeCanTell) {
  struct Row {
    const char* name;
    std::uint64_t flags;
    TaskSample first, last;
    bool lasts;
  };
  const Row rows[] = {
      {"in D, unmoved", 0, {0.0, 'D', 0, 5, 7}, {0.1, 'D', 0, 5, 7}, true},
      {"in D, but it ran in between", 0, {0.0, 'D', 0, 5, 7}, {0.1, 'D', 0, 5, 8}, false},
      {"in D, and no longer", 0, {0.0, 'D', 0, 5, 7}, {0.1, 'S', 0, 5, 7}, false},
      {"busy in the kernel", 0, {0.0, 'R', 0, 5, 7}, {0.1, 'R', 0, 15, 7}, true},
      {"busy in user mode", 0, {0.0, 'R', 0, 5, 7}, {0.1, 'R', 10, 5, 7}, false},
      {"exiting, still there", k_pf_exiting, {0.0, 'S', 0, 5, 7}, {0.1, 'S', 0, 5, 9}, true},
      {"exiting, a zombie by now", k_pf_exiting, {0.0, 'D', 0, 5, 7}, {0.1, 'Z', 0, 5, 9}, false}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    std::vector<Task> tasks{task(7, 7, 1, row.first.state, row.flags)};
    tasks[0].samples = {row.first, row.last};
    EXPECT_EQ(lasting(tasks, {0}, {0}).size(), row.lasts ? 1U : 0U);
    EXPECT_TRUE(lasting(tasks, {0}, {}).empty()) << "only what was looked at closely";
  }
}

}  // namespace
}  // namespace unzap
