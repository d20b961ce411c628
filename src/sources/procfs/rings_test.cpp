// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/rings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sources/procfs/fixture.hpp"
#include "sources/procfs/procfs_source.hpp"

namespace unzap {
namespace {

constexpr std::uint64_t k_io_worker = 0x10;

std::string status_text(const char* ns_pids) {
  return std::string("State:\tS (sleeping)\nNSpid:\t") + ns_pids +
         "\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n";
}

/// A host with its init and a kernel thread, and a container: init 90 with a
/// ring and two threads of io_uring, and 95 without any.
Fixture host() {
  return Fixture{
      {"1/task/1/stat", stat_text({1, "systemd"})},
      {"1/ns/pid", "pid:[4026531836]", FakeFile::link},
      {"1/ns/mnt", "mnt:[10]", FakeFile::link},
      {"2/task/2/stat", stat_text({.tid = 2, .comm = "kthreadd", .flags = 0x200000})},
      {"2/ns/mnt", "mnt:[11]", FakeFile::link},
      {"3/task/3/stat", stat_text({3, "sshd"})},
      {"3/ns/pid", "pid:[4026531836]", FakeFile::link},
      {"3/ns/mnt", "mnt:[10]", FakeFile::link},
      {"3/fd/4", "anon_inode:[io_uring]", FakeFile::link},
      {"90/task/90/stat", stat_text({90, "npm start"})},
      {"90/task/91/stat", stat_text({91, "libuv-worker"})},
      {"90/task/92/stat", stat_text({.tid = 92, .comm = "iou-wrk-91", .flags = k_io_worker})},
      {"90/task/93/stat", stat_text({.tid = 93, .comm = "iou-sqp-5", .flags = k_io_worker})},
      {"90/ns/pid", "pid:[77]", FakeFile::link},
      {"90/ns/mnt", "mnt:[20]", FakeFile::link},
      {"90/status", status_text("90\t1")},
      {"90/cgroup", "0::/kubepods/burstable/pod" + std::string(32, 'b') + "/" + std::string(64, 'c') + "\n"},
      {"90/fd/0", "/dev/null", FakeFile::link},
      {"90/fd/9", "anon_inode:[io_uring]", FakeFile::link},
      {"95/task/95/stat", stat_text({95, "sh"})},
      {"95/ns/pid", "pid:[77]", FakeFile::link},
      {"95/ns/mnt", "mnt:[20]", FakeFile::link},
      {"95/status", status_text("95\t7")},
      {"95/fd/0", "anon_inode:[eventfd]", FakeFile::link},
  };
}

Snapshot look(const Fixture& fixture, bool trouble = false) {
  const Result<Snapshot> out = read_procfs({.root = fixture.root(),
                                            .sample_seconds = 0.01,
                                            .trouble = trouble,
                                            .rings = true,
                                            .read_timeout_seconds = 0.2});
  EXPECT_TRUE(out) << out.error().text();
  return out ? *out : Snapshot{};
}

const Task& task_in(const Snapshot& snapshot, std::int32_t tid) {
  const auto found = std::find_if(snapshot.tasks.begin(), snapshot.tasks.end(),
                                  [tid](const Task& task) { return task.tid.is(tid); });
  EXPECT_NE(found, snapshot.tasks.end()) << tid;
  return *found;
}

TEST(Rings, of_the_processes_in_containers) {
  const Fixture fixture = host();
  for (const bool trouble : {false, true}) {
    const Snapshot snapshot = look(fixture, trouble);
    EXPECT_EQ(snapshot.tasks.size(), 8U);
    EXPECT_TRUE(snapshot.all_tasks);
    const Task& init = task_in(snapshot, 90);
    EXPECT_EQ(init.pid_ns, Reading<std::uint64_t>(77));
    EXPECT_EQ(init.mnt_ns, Reading<std::uint64_t>(20));
    EXPECT_EQ(init.ns_pids, Reading<std::vector<std::int32_t>>({90, 1}));
    EXPECT_EQ(init.container, Reading<std::string>(std::string(64, 'c')));
    EXPECT_EQ(init.rings, Reading<std::int32_t>(1));
    EXPECT_EQ(task_in(snapshot, 95).rings, Reading<std::int32_t>(0));
    EXPECT_EQ(task_in(snapshot, 1).mnt_ns, Reading<std::uint64_t>(10));
    EXPECT_EQ(task_in(snapshot, 2).mnt_ns, Reading<std::uint64_t>(11));
  }
}

TEST(Rings, nobody_outside_of_containers_is_asked_for_his_files) {
  const Snapshot snapshot = look(host());
  EXPECT_EQ(task_in(snapshot, 3).pid_ns, Reading<std::uint64_t>(4026531836));
  EXPECT_EQ(task_in(snapshot, 3).rings, Reading<std::int32_t>(Absence::not_asked));
  EXPECT_EQ(task_in(snapshot, 91).rings, Reading<std::int32_t>(Absence::not_asked));
}

TEST(Rings, are_not_looked_for_by_a_diagnosis) {
  const Fixture fixture = host();
  const Result<Snapshot> snapshot = read_procfs({.root = fixture.root(), .sample_seconds = 0.01});
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(task_in(*snapshot, 90).rings, Reading<std::int32_t>(Absence::not_asked));
  EXPECT_EQ(task_in(*snapshot, 90).pid_ns, Reading<std::uint64_t>(Absence::not_asked));
}

TEST(Rings, a_read_that_blocks_leaves_the_rest) {
  Fixture fixture = host();
  fixture.add({{"96/task/96/stat", stat_text({96, "stuck"})},
               {"96/ns/pid", "pid:[78]", FakeFile::link},
               {"96/status", "", FakeFile::pipe}});
  const Snapshot snapshot = look(fixture);
  EXPECT_EQ(task_in(snapshot, 96).ns_pids, Reading<std::vector<std::int32_t>>(Absence::timed_out));
  EXPECT_EQ(task_in(snapshot, 90).rings, Reading<std::int32_t>(1));
}

}  // namespace
}  // namespace unzap
