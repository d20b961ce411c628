// SPDX-License-Identifier: Apache-2.0
// Casts that no scenario of today's list has: they need no code.
#include "kernel/story/cast.hpp"

#include <gtest/gtest.h>

#include "kernel/machine/symmetry.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.162";

TEST(Cast, InitMayHaveSeveralChildrenAndTheyToo) {
  Scenario s = plain();
  add_process(s, "second");
  add_process(s, "grandchild", 2);
  Driver d(s, k_kernel);
  EXPECT_EQ(d[d.find("second")].parent, d.leader());
  EXPECT_EQ(d[d.find("grandchild")].parent, d.find("second"));
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 4);
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 4);
  d.until(d.leader(), [&](const State&, const Task&) { return d.sigpending(d.find("child")); });
  for (const char* name : {"child", "second", "grandchild"}) EXPECT_TRUE(d.sigpending(d.find(name))) << name;
}

TEST(Cast, AChildMayHaveAnIoWqOfItsOwn) {
  Scenario s = with_workers({WorkerStart::idle});
  s.processes[1].ring.emplace();
  s.processes[1].ring->workers = {WorkerStart::reading};
  Driver d(s, k_kernel);
  ASSERT_EQ(d.config().wqs.size(), 2U);
  EXPECT_EQ(d.config().wqs[1].owner, d.child());
  const TaskNo worker = d.worker(1);
  EXPECT_EQ(d.config().tasks[worker].process, d.config().tasks[d.child()].process);
  EXPECT_EQ(d.config().tasks[worker].comm, "iou-wrk-" + std::to_string(d.config().tasks[d.child()].tid));
  EXPECT_EQ(d.s.wqs[0].nr_workers, (std::array<std::uint8_t, 2>{1, 0}));
  EXPECT_EQ(d.s.wqs[1].nr_workers, (std::array<std::uint8_t, 2>{0, 1}));
}

TEST(Cast, AnyThreadMayEndByItself) {
  Scenario s = plain();
  s.processes[1].ends = Ending::core_dump;
  s.processes[1].threads = {{.name = "quiet"}, {.name = "leaves", .ends = Ending::exit}};
  Driver d(s, k_kernel);
  EXPECT_EQ(d.top(d.find("leaves")), Routine::syscall_exit);
  EXPECT_EQ(d.top(d.child()), Routine::get_signal);
  EXPECT_TRUE(d.asleep(d.find("quiet")));
  EXPECT_FALSE(d.config().tasks[d.find("quiet")].leader);
  EXPECT_EQ(d[d.find("leaves")].parent, d.leader());
}

TEST(Cast, AContainerMayLieBelowAProcessThatIsNotItsInit) {
  Scenario s = plain();
  add_containers(s, "systemd");
  add_process(s, "dockerd");
  s.containers[0].inside = 1;
  s.processes[0].parent = 3;
  Driver d(s, k_kernel);
  EXPECT_EQ(d[d.leader()].parent, d.find("dockerd"));
  EXPECT_EQ(d.s.pid_ns[1].pid_allocated, 4);
  EXPECT_TRUE(d.config().process_of(d.leader()).unkillable);
}

TEST(Cast, AMemberForkedFromTheContainerAroundHoldsNoMounts) {
  Scenario s = plain();
  add_process(s, "exec").parent = 3;
  add_containers(s, "dockerd");
  s.containers[0].inside = 1;
  Driver d(s, k_kernel);
  EXPECT_EQ(d[d.find("exec")].parent, d.find("dockerd"));
  EXPECT_EQ(d.s.mnt_ns[0].nsproxy_refs, 2) << "init and child";
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 3);
}

TEST(Cast, AZombieMayHaveAParentInside) {
  Scenario s = plain();
  add_process(s, "dead", 1).starts = ProcessStart::zombie;
  Driver d(s, k_kernel);
  EXPECT_EQ(d[d.find("dead")].exit_state, ExitState::zombie);
  EXPECT_FALSE(d.offers(Environment::reap, d.find("dead")));
  d.s.mnt_ns[0].refs = 2;  // somebody else holds the mounts
  d.until_off(d.leader(), 0);
  d.until_off(d.child(), 1);
  EXPECT_EQ(d[d.find("dead")].parent, d.leader()) << "it is init's once its parent is dead";
}

TEST(Cast, EachProcessOfAlikeContainersHasItsParentInItsOwn) {
  Scenario s = plain();
  s.containers[0].count = 2;
  add_process(s, "grandchild", 1);
  Driver d(s, k_kernel);
  EXPECT_EQ(d[d.find("grandchild")].parent, d.find("child"));
  EXPECT_EQ(d[d.find("grandchild#2")].parent, d.find("child#2"));
  EXPECT_EQ(Symmetry(d.config()).sizes()[1], 2U);
}

TEST(Cast, OnlyContainersOfOneSpecificationAreAlike) {
  Scenario s = plain();
  add_containers(s, "web");
  add_containers(s, "db", 2);
  const Config c = make_config(s, {}, Preempt::none);
  EXPECT_EQ(c.containers[2].alike, c.containers[3].alike);
  EXPECT_NE(c.containers[0].alike, c.containers[1].alike);
  EXPECT_EQ(Symmetry(c).sizes()[1], 2U);
}

/// Its init reaps the first child that it finds: that tells them apart.
TEST(Cast, ContainersInsideAnotherOneDoNotChangePlaces) {
  Scenario s = plain();
  s.containers[0].count = 2;
  add_containers(s, "dockerd");
  s.containers[0].inside = 1;
  EXPECT_EQ(Symmetry(make_config(s, {}, Preempt::none)).sizes()[1], 1U);
}

}  // namespace
}  // namespace unzap::kernel
