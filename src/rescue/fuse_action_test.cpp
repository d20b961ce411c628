// SPDX-License-Identifier: Apache-2.0
// Which connection a task waits for: mountinfo and a host of files for what is read, values for what is
// planned.
#include <gtest/gtest.h>

#include <functional>

#include "diagnosis/testing.hpp"
#include "rescue/plan.hpp"
#include "sources/procfs/fixture.hpp"

namespace unzap::testing {
namespace {

constexpr TaskId k_waiter{70, 4070};

/// reader[70] waits; it has connection 42 mounted, and 42 alone has requests without an answer.
FuseView view() {
  FuseView out;
  out.listed = true;
  out.looks = 3;
  out.connections = {{41, std::int64_t{0}, {1, 41}}, {42, std::int64_t{3}, {1, 42}}};
  FuseWaiter waiter;
  waiter.task = k_waiter;
  waiter.waits = true;
  waiter.mounts =
      std::vector<FuseMount>{{41, "/idle", "fuse.lxcfs", "lxcfs"}, {42, "/data", "fuse.sshfs", "far:/"}};
  out.waiters = {waiter};
  return out;
}

Plan plan_of(const std::optional<FuseView>& fuse, Origin origin = Origin::live) {
  Snapshot snapshot = live({TaskBuilder(70, "reader", 'D').of(70)});
  snapshot.tasks[0].start_ticks = k_waiter.start_ticks;
  snapshot.origin = origin;
  Finding finding;
  finding.cause = CauseId::fuse_request;
  finding.confidence = Confidence::likely;
  finding.culprit = Party{70, 70, "reader"};
  finding.culprit->start_ticks = k_waiter.start_ticks;
  Means means;
  means.root = true;
  means.fuse = fuse;
  return make_plan(finding, snapshot, means);
}

TEST(PlanAbortFuse, AbortsTheOnlyConnectionThatItCanBe) {
  FuseView seen = view();
  seen.servers = {{42, 9, "sshfs", "", true}};
  const Plan plan = plan_of(seen);
  ASSERT_TRUE(plan.action) << plan.why_none;
  EXPECT_EQ(plan.action->file, "/sys/fs/fuse/connections/42/abort");
  EXPECT_NE(plan.action->text.find("fuse.sshfs of far:/ at /data, server sshfs[9] of the host"),
            std::string::npos)
      << plan.action->text;
  ASSERT_TRUE(plan.action->guard);
  EXPECT_EQ(plan.action->guard->connection, 42U);
  EXPECT_EQ(plan.action->guard->folder, (FolderId{1, 42}));
}

/// One fact is otherwise, and there is no action.
struct RefusedRow {
  const char* name;
  std::function<void(FuseView&)> change;
  const char* says;
};

const RefusedRow k_refused[] = {
    {"TwoOfItsMounts", [](FuseView& v) { v.connections[0].waiting = std::int64_t{1}; },
     "connection 41 (fuse.lxcfs of lxcfs at /idle, server not known); connection 42"},
    {"OneThatItHasNotMounted",
     [](FuseView& v) {
       v.connections.push_back({43, std::int64_t{1}, {1, 43}});
     },
     "connection 43"},
    {"OneWhoseCountIsNotKnown",
     [](FuseView& v) {
       v.connections.push_back({43, Absence::timed_out, {1, 43}});
     },
     "connection 43"},
    {"OnlyAnothers", [](FuseView& v) { v.waiters[0].mounts.get()->pop_back(); },
     "none of them mounted: connection 42"},
    {"NobodyWaits", [](FuseView& v) { v.connections[1].waiting = std::int64_t{0}; }, "slow, not stuck"},
    {"ItMovedOn", [](FuseView& v) { v.waiters[0].waits = false, v.waiters[0].why_not = "it moved on"; },
     "it moved on"},
    {"AnotherStartTime", [](FuseView& v) { v.waiters[0].task.start_ticks = 1; }, "was not looked at"},
    {"NoMounts", [](FuseView& v) { v.waiters[0].mounts = Absence::gone; }, "mounts of the task"},
    {"Virtiofs",
     [](FuseView& v) {
       v.waiters[0].mounts.get()->push_back({50, "/root", "virtiofs", "tag"});
     },
     "virtiofs at /root"},
    {"VirtiofsOfTheHost",
     [](FuseView& v) {
       v.own_mounts.push_back({50, "/root", "virtiofs", "tag"});
     },
     "virtiofs at /root"},
    {"NotListed", [](FuseView& v) { v.listed = false, v.why_not = "fusectl is not mounted"; },
     "fusectl is not mounted"},
};

TEST(PlanAbortFuse, RefusesWhereItCanBeAnother) {
  for (const RefusedRow& row : k_refused) {
    SCOPED_TRACE(row.name);
    FuseView seen = view();
    row.change(seen);
    const Plan plan = plan_of(seen);
    EXPECT_FALSE(plan.action);
    EXPECT_NE(plan.why_none.find(row.says), std::string::npos) << plan.why_none;
  }
}

TEST(PlanAbortFuse, OfARecordedHostIsMadeThere) {
  EXPECT_NE(plan_of(std::nullopt, Origin::bundle).why_none.find("on the host itself"), std::string::npos);
}

TEST(FuseMounts, TakesTheDeviceAsTheKernelNumbersIt) {
  const auto mounts = fuse_mounts(
      "22 1 0:45 / /proc rw - proc proc rw\n"
      "31 22 0:46 / /mnt/a\\040b rw,nosuid shared:7 master:2 - fuse.sshfs far:/ rw,user_id=0\n"
      "32 22 8:1 / /ntfs rw - fuseblk /dev/sda1 rw\n"
      "33 22 0:47 / /v rw - virtiofs tag rw\n"
      "34 22 0:48 / /fuse rw - tmpfs fuse rw\n");
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0], (FuseMount{46, "/mnt/a\\040b", "fuse.sshfs", "far:/"}));
  EXPECT_EQ(mounts[1].number, 8U << 20 | 1);
  EXPECT_EQ(mounts[2].type, "virtiofs");
}

/// A host of files: 70 waits, and has 0:42 mounted.
struct FuseHost {
  FuseHost()
      : host({{"proc/70/stat", stat_text({.tid = 70, .comm = "reader", .state = 'D', .start = 4070})},
              {"proc/70/status",
               "Name:\treader\nState:\tD (disk sleep)\nTgid:\t70\nPid:\t70\nvoluntary_ctxt_switches:\t7\n"
               "nonvoluntary_ctxt_switches:\t1\n"},
              {"proc/70/stack", "[<0>] request_wait_answer+0x1/0x2\n[<0>] fuse_flush+0x1/0x2\n"},
              {"proc/70/ns/mnt", "mnt:[4026532000]", FakeFile::link},
              {"proc/70/mountinfo", "31 22 0:42 / /data rw - fuse.sshfs far:/ rw\n"},
              {"fuse/41/waiting", "0\n"},
              {"fuse/42/waiting", "2\n"}}) {
    host.add({{"proc/self/mountinfo", "30 1 0:40 / " + host.root() + "/fuse rw - fusectl none rw\n"}});
  }
  FuseView look() const {
    Reader reader(host.root() + "/proc", {}, {});
    return look_at_fuse(reader, {{k_waiter, {{71, 4071}}}}, {2, 0.001, false},
                        {host.root() + "/proc", "", host.root() + "/fuse"});
  }
  Fixture host;
};

TEST(FuseView, TiesTheWaiterToItsConnection) {
  const FuseTie tie = tie_of(FuseHost().look(), k_waiter);
  ASSERT_TRUE(tie.connection) << tie.why;
  EXPECT_EQ(tie.connection->number, 42U);
  EXPECT_NE(tie.connection->folder.inode, 0U);
}

TEST(FuseView, TakesTheMountsOfOneInTheSameNamespaceWhereTheWaiterHasNone) {
  FuseHost fuse;
  std::filesystem::remove(fuse.host.root() + "/proc/70/mountinfo");
  EXPECT_FALSE(tie_of(fuse.look(), k_waiter).connection);
  fuse.host.add({{"proc/71/stat", stat_text({.tid = 71, .comm = "other", .start = 4071})},
                 {"proc/71/ns/mnt", "mnt:[4026532001]", FakeFile::link},
                 {"proc/71/mountinfo", "31 22 0:42 / /data rw - fuse.sshfs far:/ rw\n"}});
  EXPECT_FALSE(tie_of(fuse.look(), k_waiter).connection) << "it is in another one";
  std::filesystem::remove(fuse.host.root() + "/proc/71/ns/mnt");
  fuse.host.add({{"proc/71/ns/mnt", "mnt:[4026532000]", FakeFile::link}});
  EXPECT_TRUE(tie_of(fuse.look(), k_waiter).connection);
}

TEST(FuseView, SaysHowToMountFusectl) {
  FuseHost fuse;
  fuse.host.add({{"proc/self/mountinfo", "30 1 0:40 / /sys rw - sysfs none rw\n"}});
  EXPECT_NE(tie_of(fuse.look(), k_waiter).why.find("mount -t fusectl none"), std::string::npos);
}

TEST(FuseView, SeesThatTheStackIsAnotherNow) {
  FuseHost fuse;
  fuse.host.add({{"proc/70/stack", "[<0>] do_nanosleep+0x1/0x2\n"}});
  EXPECT_NE(tie_of(fuse.look(), k_waiter).why.find("does not show a wait in FUSE"), std::string::npos);
}

TEST(FuseView, TakesNoDeviceInUserSpaceForAMount) {
  FuseHost fuse;
  fuse.host.add({{"proc/70/stack", "[<0>] request_wait_answer+0x1/0x2\n[<0>] cuse_read_iter+0x1/0x2\n"}});
  EXPECT_NE(tie_of(fuse.look(), k_waiter).why.find("CUSE"), std::string::npos);
}

}  // namespace
}  // namespace unzap::testing
