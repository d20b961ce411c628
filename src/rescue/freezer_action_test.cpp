// SPDX-License-Identifier: Apache-2.0
// Who is thawed: a host of files for what is read, and values for what is planned.
#include <gtest/gtest.h>

#include <functional>

#include "diagnosis/testing.hpp"
#include "rescue/plan.hpp"
#include "sources/procfs/fixture.hpp"

namespace unzap::testing {
namespace {

std::string status_text(std::int32_t tgid, const char* pending) {
  return fmt::format("Name:\tx\nState:\tS (sleeping)\nTgid:\t{}\nPid:\t{}\nSigPnd:\t{}\nShdPnd:\t0\n", tgid,
                     tgid, pending);
}

constexpr const char* k_killed = "0000000000000100";
constexpr const char* k_alive = "0000000000000000";

/// /pod is asked to freeze; the killed job[70] is in /pod/a, web[71] in /pod/b.
struct FrozenPod {
  FrozenPod(const char* pending_of_70 = k_killed, const char* pending_of_71 = k_alive)
      : host({{"proc/70/stat", stat_text({.tid = 70, .comm = "job", .start = 4070})},
              {"proc/70/status", status_text(70, pending_of_70)},
              {"proc/70/cgroup", "0::/pod/a\n"},
              {"proc/71/stat", stat_text({.tid = 71, .comm = "web", .start = 4071})},
              {"proc/71/status", status_text(71, pending_of_71)},
              {"proc/self/ns/pid", "pid:[4026531836]", FakeFile::link},
              {"cg/pod/cgroup.freeze", "1\n"},
              {"cg/pod/cgroup.events", "populated 1\nfrozen 1\n"},
              {"cg/pod/cgroup.threads", ""},
              {"cg/pod/a/cgroup.freeze", "0\n"},
              {"cg/pod/a/cgroup.events", "populated 1\nfrozen 1\n"},
              {"cg/pod/a/cgroup.threads", "70\n"},
              {"cg/pod/b/cgroup.freeze", "0\n"},
              {"cg/pod/b/cgroup.events", "populated 1\nfrozen 1\n"},
              {"cg/pod/b/cgroup.threads", "71\n"}}) {}

  FreezerView look() const {
    Reader reader(host.root() + "/proc", {}, {});
    return look_at_freezer(reader, {70, 4070}, {host.root() + "/proc", host.root() + "/cg", ""});
  }
  std::string folder(const std::string& path) const { return host.root() + "/cg" + path; }

  Fixture host;
};

Finding frozen_finding() {
  Finding out;
  out.cause = CauseId::frozen_cgroup;
  out.confidence = Confidence::likely;
  out.culprit = Party{70, 70, "job"};
  out.culprit->start_ticks = 4070;
  return out;
}

Plan plan_of(const FreezerView& view, bool thaw_others = false, Origin origin = Origin::live) {
  Snapshot snapshot = live({TaskBuilder(70, "job", 'D').of(70)});
  snapshot.tasks[0].start_ticks = std::uint64_t{4070};
  snapshot.origin = origin;
  Means means;
  means.root = true;
  means.thaw_others = thaw_others;
  means.freezers = {view};
  return make_plan(frozen_finding(), snapshot, means);
}

/// The conditions that the thaw itself adds and that do not hold.
std::string in_the_way(const Plan& plan) {
  std::string out;
  for (const Condition& one : plan.conditions)
    if (one.in_the_way() && one.text.find("run again") != std::string::npos)
      out += one.text + ": " + one.seen + "\n";
  return out;
}

TEST(FreezerView, WalksToTheCgroupWhoseOwnSettingFreezes) {
  const FrozenPod pod;
  const FreezerView view = pod.look();
  ASSERT_EQ(view.freezing.size(), 1U);
  EXPECT_EQ(view.freezing[0].path, "/pod");
  EXPECT_EQ(view.freezing[0].folder, pod.folder("/pod"));
  EXPECT_TRUE(view.frozen);
  EXPECT_TRUE(view.gaps.empty()) << view.gaps.front();
}

TEST(FreezerView, ListsEverybodyBelow) {
  const FreezerView view = FrozenPod().look();
  ASSERT_EQ(view.crowd.size(), 2U);
  for (const FrozenTask& one : view.crowd) EXPECT_EQ(one.dying, one.id.tid == 70) << one.comm;
}

TEST(FreezerView, KnowsTheV1FreezerByItsOwnFlag) {
  FrozenPod pod;
  pod.host.add({{"proc/70/cgroup", "3:freezer:/pod/a\n0::/\n"},
                {"cg/freezer/pod/freezer.state", "FROZEN\n"},
                {"cg/freezer/pod/freezer.self_freezing", "1\n"},
                {"cg/freezer/pod/tasks", ""},
                {"cg/freezer/pod/a/freezer.state", "FROZEN\n"},
                {"cg/freezer/pod/a/freezer.self_freezing", "0\n"},
                {"cg/freezer/pod/a/tasks", "70\n"}});
  const FreezerView view = pod.look();
  ASSERT_EQ(view.freezing.size(), 1U);
  EXPECT_EQ(view.freezing[0].folder, pod.folder("/freezer/pod"));
  EXPECT_EQ(plan_of(view).action->file, pod.folder("/freezer/pod/freezer.state"));
  EXPECT_EQ(plan_of(view).action->value, "THAWED");
}

/// What makes the list of those who would run incomplete.
struct GapRow {
  const char* name;
  std::function<void(Fixture&)> spoil;
  const char* says;
};

const GapRow k_gaps[] = {
    {"ThreadOfAnotherPidNamespace",
     [](Fixture& host) {
       host.add({{"cg/pod/b/cgroup.threads", "71\n0\n"}});
     },
     "does not see"},
    {"OwnPidNamespaceWhoseListsHideOthers",
     [](Fixture& host) {
       std::filesystem::remove(host.root() + "/proc/self/ns/pid");
       host.add({{"proc/self/ns/pid", "pid:[4026532000]", FakeFile::link}});
     },
     "namespace of its own"},
    {"NoListOfThreads",
     [](Fixture& host) { std::filesystem::remove(host.root() + "/cg/pod/b/cgroup.threads"); }, "to the end"},
    {"StatusThatIsNone",
     [](Fixture& host) {
       host.add({{"proc/71/stat", "?"}});
     },
     "could not be read"},
    {"FlagThatIsNone",
     [](Fixture& host) {
       host.add({{"cg/pod/a/cgroup.freeze", "?"}});
     },
     "by itself"},
};

TEST(FreezerView, SaysWhatItCouldNotRead) {
  for (const GapRow& row : k_gaps) {
    SCOPED_TRACE(row.name);
    FrozenPod pod(k_killed, k_killed);
    EXPECT_EQ(in_the_way(plan_of(pod.look())), "");
    row.spoil(pod.host);
    const Plan plan = plan_of(pod.look(), true);
    EXPECT_NE(in_the_way(plan).find(row.says), std::string::npos) << in_the_way(plan);
    EXPECT_FALSE(plan.ready());
  }
}

TEST(FreezerView, TrustsAListThatShowsStrangersAsZero) {
  FrozenPod pod(k_killed, k_killed);
  std::filesystem::remove(pod.host.root() + "/proc/self/ns/pid");
  pod.host.add({{"proc/self/ns/pid", "pid:[4026532000]", FakeFile::link}, {"cg/cgroup.threads", "1\n0\n"}});
  EXPECT_TRUE(pod.look().gaps.empty());
}

TEST(FreezerView, SaysOfATaskThatIsGoneOrAnotherThatItIs) {
  FrozenPod pod;
  pod.host.add({{"proc/70/stat", stat_text({.tid = 70, .comm = "new", .start = 9})}});
  const FreezerView view = pod.look();
  EXPECT_TRUE(view.freezing.empty());
  ASSERT_FALSE(view.gaps.empty());
  EXPECT_FALSE(plan_of(view).action);
}

TEST(PlanThaw, ThawsWhereEverybodyIsDying) {
  const FrozenPod pod(k_killed, k_killed);
  const Plan plan = plan_of(pod.look());
  ASSERT_TRUE(plan.action);
  EXPECT_EQ(in_the_way(plan), "");
  EXPECT_EQ(plan.action->file, pod.folder("/pod/cgroup.freeze"));
  EXPECT_EQ(plan.action->value, "0");
  ASSERT_TRUE(plan.action->guard);
  EXPECT_TRUE(plan.action->guard->may_run.empty());
}

TEST(PlanThaw, NeedsLeaveForWhomNobodyHasKilled) {
  const FreezerView view = FrozenPod().look();
  EXPECT_NE(in_the_way(plan_of(view)).find("web[71]"), std::string::npos) << in_the_way(plan_of(view));
  EXPECT_NE(in_the_way(plan_of(view)).find("docker unpause"), std::string::npos);
  const Plan allowed = plan_of(view, true);
  EXPECT_EQ(in_the_way(allowed), "");
  EXPECT_EQ(allowed.action->guard->may_run, (std::vector<TaskId>{{71, 4071}}));
}

TEST(PlanThaw, NeedsLeaveForTheCulpritItselfWhenNobodyHasKilledIt) {
  const FreezerView view = FrozenPod(k_alive, k_killed).look();
  EXPECT_NE(in_the_way(plan_of(view)).find("job[70]"), std::string::npos);
}

TEST(PlanThaw, BeginsInsideWhereSeveralFreeze) {
  FrozenPod pod(k_killed, k_killed);
  pod.host.add({{"cg/pod/a/cgroup.freeze", "1\n"}});
  const Plan plan = plan_of(pod.look());
  ASSERT_TRUE(plan.action);
  EXPECT_EQ(plan.action->file, pod.folder("/pod/a/cgroup.freeze"));
  EXPECT_TRUE(plan.action->guard->more);
  EXPECT_NE(plan.action->changes.find("nobody runs yet"), std::string::npos) << plan.action->changes;
  EXPECT_NE(plan.action->changes.find("/pod"), std::string::npos);
}

TEST(PlanThaw, OfARecordedHostIsMadeThere) {
  Snapshot snapshot = live({TaskBuilder(70, "job", 'D').of(70)});
  snapshot.tasks[0].start_ticks = std::uint64_t{4070};
  snapshot.origin = Origin::bundle;
  const Plan plan = make_plan(frozen_finding(), snapshot, {});
  EXPECT_FALSE(plan.action);
  EXPECT_NE(plan.why_none.find("on the host itself"), std::string::npos);
}

}  // namespace
}  // namespace unzap::testing
