// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/node_view.hpp"

#include <gtest/gtest.h>

#include "sources/procfs/fixture.hpp"

namespace unzap {
namespace {

constexpr std::uint64_t k_io_worker = 0x10;

std::string status_text(const char* ns_pids) {
  return std::string("State:\tS (sleeping)\nNSpid:\t") + ns_pids +
         "\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n";
}

/// A host with its init and a kernel thread, and a container: init 90 with a ring, a worker that thread 91
/// made and one that nobody seen made, and 95 without any.
Fixture host() {
  return Fixture{
      {"1/task/1/stat", stat_text({1, "systemd"})},
      {"1/ns/pid", "pid:[4026531836]", FakeFile::link},
      {"1/ns/mnt", "mnt:[10]", FakeFile::link},
      {"2/task/2/stat", stat_text({.tid = 2, .comm = "kthreadd", .flags = 0x200000})},
      {"90/task/90/stat", stat_text({90, "npm start"})},
      {"90/task/91/stat", stat_text({91, "libuv-worker"})},
      {"90/task/92/stat", stat_text({.tid = 92, .comm = "iou-wrk-91", .flags = k_io_worker})},
      {"90/task/93/stat", stat_text({.tid = 93, .comm = "iou-sqp-5", .flags = k_io_worker})},
      {"90/task/94/stat", stat_text({.tid = 94, .comm = "iou-wrk-90"})},  // a name is no proof
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

TEST(NodeView, containers_and_who_uses_io_uring) {
  const Fixture fixture = host();
  const Result<NodeView> view = read_node_view({.root = fixture.root()});
  ASSERT_TRUE(view) << view.error().text();
  EXPECT_EQ(view->threads, 8U);
  EXPECT_EQ(view->host_mnt_ns, 10U);
  ASSERT_EQ(view->processes.size(), 2U);
  const ViewedProcess& init = view->processes[0];
  EXPECT_EQ(init.comm, "npm start");
  EXPECT_EQ(init.pid_ns, 77U);
  EXPECT_EQ(init.mnt_ns, 20U);
  EXPECT_EQ(init.own_pid, 1);
  EXPECT_EQ(init.container, std::string(64, 'c'));
  EXPECT_EQ(init.pod, std::string(32, 'b'));
  EXPECT_EQ(view->processes[1].pod, "");
  EXPECT_EQ(init.rings, 1);
  ASSERT_EQ(init.io_threads.size(), 2U);
  EXPECT_EQ(init.io_threads[0], (IoThread{92, "iou-wrk-91", false, 91, "libuv-worker"}));
  EXPECT_EQ(init.io_threads[1], (IoThread{93, "iou-sqp-5", true, 5, ""}));
  EXPECT_EQ(view->processes[1].own_pid, 7);
  EXPECT_EQ(view->processes[1].rings, 0);
  EXPECT_TRUE(view->gaps.empty());
}

TEST(NodeView, a_read_that_blocks_leaves_the_rest) {
  Fixture fixture = host();
  fixture.add({{"96/task/96/stat", stat_text({96, "stuck"})},
               {"96/ns/pid", "pid:[78]", FakeFile::link},
               {"96/status", "", FakeFile::pipe}});
  const Result<NodeView> view = read_node_view({.root = fixture.root(), .read_timeout_seconds = 0.1});
  ASSERT_TRUE(view) << view.error().text();
  ASSERT_EQ(view->processes.size(), 3U);
  EXPECT_EQ(view->processes[2].own_pid, Absence::timed_out);
  EXPECT_EQ(view->processes[0].rings, 1);
  ASSERT_EQ(view->gaps.size(), 1U);
  EXPECT_EQ(view->gaps[0], "status did not answer in time (1 times)");
}

TEST(NodeView, says_what_is_no_procfs) {
  const Fixture empty{{"a", "b"}};
  const Result<NodeView> nothing = read_node_view({.root = empty.root()});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::bad_data);
  const Result<NodeView> nowhere = read_node_view({.root = empty.root() + "/none"});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().kind, ErrorKind::no_input);
}

}  // namespace
}  // namespace unzap
