// SPDX-License-Identifier: Apache-2.0
// One finding is one jam: nobody is named because of what somebody else does, and no container is left out.
#include <gtest/gtest.h>

#include <set>

#include "diagnosis/catalogue.hpp"
#include "diagnosis/picture.hpp"
#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

constexpr const char* k_first = "do_wait kernel_wait4 zap_pid_ns_processes do_exit";
constexpr const char* k_second = "zap_pid_ns_processes forget_original_parent exit_notify do_exit";
constexpr std::uint64_t k_host = 1;

TaskBuilder in_namespaces(TaskBuilder task, std::vector<std::uint64_t> chain) {
  task.task.pid_ns = chain.front();
  task.task.pid_ns_chain = std::move(chain);
  task.task.start_ticks = static_cast<std::uint64_t>(*task.task.tid) * 10;
  return task;
}
TaskBuilder on_host(TaskBuilder task) {
  return in_namespaces(std::move(task), {k_host});
}
TaskBuilder dying(std::int32_t tid, std::uint64_t space, const char* stack) {
  return in_namespaces(TaskBuilder(tid, "init", 'S').child_of(1).numbers({tid, 1}).exiting().in(stack),
                       {space, k_host})
      .looks(2, 0, 0);
}
TaskBuilder dead(std::int32_t tid, std::int32_t parent, std::uint64_t space) {
  return in_namespaces(TaskBuilder(tid, "exec", 'Z').child_of(parent).numbers({tid, 7}), {space, k_host});
}
TaskBuilder traced(TaskBuilder task, std::int32_t tracer) {
  task.task.tracer_pid = tracer;
  return task;
}
TaskBuilder contained(TaskBuilder task, const std::string& id) {
  task.task.container = id;
  return task;
}
std::vector<Finding> of_cause(const Diagnosis& diagnosis, CauseId cause) {
  std::vector<Finding> out;
  for (const Finding& finding : diagnosis.findings)
    if (finding.cause == cause) out.push_back(finding);
  return out;
}
std::set<std::int32_t> tids(const std::vector<Party>& parties) {
  std::set<std::int32_t> out;
  for (const Party& party : parties) out.insert(party.tid.value_or(0));
  return out;
}

TEST(Jams, TwoContainersJammedAlikeAreTwoFindings) {
  const Snapshot snapshot =
      live({on_host(TaskBuilder(800, "a", 'S')), on_host(TaskBuilder(801, "b", 'S')),
            dying(900, 70, k_second), dying(901, 71, k_second), dead(950, 800, 70), dead(951, 801, 71)});
  const auto found = of_cause(diagnose(snapshot), CauseId::unreaped_by_outside_parent);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].culprit->tid, 800);
  EXPECT_EQ(tids(found[0].victims), (std::set<std::int32_t>{900, 950}));
  EXPECT_EQ(found[0].pid_ns, 70u);
  EXPECT_EQ(found[0].reaper->tid, 900);
  EXPECT_EQ(found[1].culprit->tid, 801);
  EXPECT_EQ(tids(found[1].victims), (std::set<std::int32_t>{901, 951}));
  EXPECT_EQ(found[1].pid_ns, 71u);
  EXPECT_TRUE(found[0].unproved.empty());
}

TEST(Jams, TwoParentsOutsideOfOneNamespaceAreTwoFindings) {
  const Snapshot snapshot = live({on_host(TaskBuilder(800, "a", 'S')), on_host(TaskBuilder(801, "b", 'S')),
                                  dying(900, 70, k_second), dead(950, 800, 70), dead(951, 801, 70)});
  EXPECT_EQ(of_cause(diagnose(snapshot), CauseId::unreaped_by_outside_parent).size(), 2u);
}

TEST(Jams, AZombieOfAHealthyContainerIsNobodysAffair) {
  // Its cgroup bears the name that the dying container chose for itself, and its depth is the same.
  const Snapshot snapshot = live(
      {on_host(TaskBuilder(800, "attacker", 'S')), contained(dying(900, 70, k_second), "aa"),
       dead(950, 800, 70), contained(in_namespaces(TaskBuilder(700, "inno-init", 'S'), {60, k_host}), "aa"),
       contained(in_namespaces(TaskBuilder(701, "inno-app", 'S').child_of(700), {60, k_host}), "aa"),
       contained(dead(702, 701, 60), "aa")});
  const Diagnosis diagnosis = diagnose(snapshot);
  for (const Finding& finding : diagnosis.findings) {
    std::set<std::int32_t> named = tids(finding.victims);
    if (finding.culprit) named.insert(finding.culprit->tid.value_or(0));
    for (const std::int32_t innocent : {700, 701, 702}) EXPECT_EQ(named.count(innocent), 0u) << innocent;
  }
  EXPECT_EQ(of_cause(diagnosis, CauseId::unreaped_by_outside_parent).size(), 1u);
}

TEST(Jams, ProofByNamespaceBeatsDepthAndContainer) {
  // No namespace of the zombie could be read: what stands in for the proof is said, and nothing is likely.
  TaskBuilder blind = TaskBuilder(950, "exec", 'Z').child_of(800).numbers({950, 7});
  blind.task.pid_ns = Absence::not_permitted;
  blind.task.pid_ns_chain = Absence::not_permitted;
  const auto found =
      of_cause(diagnose(live({on_host(TaskBuilder(800, "shim", 'S')), dying(900, 70, k_second), blind})),
               CauseId::unreaped_by_outside_parent);
  ASSERT_EQ(found.size(), 0u);  // a refused namespace is not a reason to guess
  blind.task.pid_ns = Absence::not_asked;
  blind.task.pid_ns_chain = Absence::not_asked;
  const auto guessed =
      of_cause(diagnose(live({on_host(TaskBuilder(800, "shim", 'S')), dying(900, 70, k_second), blind})),
               CauseId::unreaped_by_outside_parent);
  ASSERT_EQ(guessed.size(), 1u);
  EXPECT_EQ(guessed[0].confidence, Confidence::possible);
  EXPECT_FALSE(guessed[0].unproved.empty());
}

TEST(Jams, AnInnocentTracerIsNotInTheFindingOfAnother) {
  // gdb holds a dead leader whose threads live on; the jam is that of another tracer.
  const Snapshot snapshot = live(
      {on_host(TaskBuilder(77, "gdb", 'S')), traced(on_host(TaskBuilder(700, "app", 'Z')), 77),
       traced(on_host(TaskBuilder(701, "app", 'S').of(700)), 77), on_host(TaskBuilder(88, "attacker", 'S')),
       dying(900, 70, k_first), traced(dead(950, 900, 70), 88)});
  const auto found = of_cause(diagnose(snapshot), CauseId::traced_member);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].culprit->tid, 88);
  EXPECT_EQ(tids(found[0].victims), (std::set<std::int32_t>{900, 950}));
}

TEST(Jams, WhatIsKnownOfOneJamSilencesNothingOfAnother) {
  const Snapshot snapshot = live({on_host(TaskBuilder(800, "a", 'S')), dying(900, 70, k_second),
                                  dead(950, 800, 70), dying(901, 71, k_first)});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: unreaped-by-outside-parent likely, members-not-visible likely");
}

TEST(Jams, TasksThatWaitAlikeArePartedByContainer) {
  const auto waiter = [](std::int32_t tid, std::uint64_t space, const std::string& id) {
    TaskBuilder task = contained(
        in_namespaces(TaskBuilder(tid, "app", 'D').in("request_wait_answer fuse_flush"), {space, k_host}),
        id);
    task.task.pending_shared = signal_bit(9);
    return task.numbers({tid, 5}).looks(2, 0, 0);
  };
  const auto found =
      of_cause(diagnose(live({waiter(40, 70, "aa"), waiter(41, 70, "aa"), waiter(50, 71, "bb")})),
               CauseId::fuse_request);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].confidence, Confidence::likely);  // killed, in a container, and it does not move
  EXPECT_EQ(found[0].culprit->container, "aa");
  EXPECT_EQ(found[1].culprit->container, "bb");
  EXPECT_TRUE(found[1].victims.empty());
}

TEST(Jams, AMemberByDescentIsOneAndAByPassedNumberIsNone) {
  // 910 is said to be a child of the init, but its namespace is another one: the number was given out again.
  const Snapshot snapshot =
      live({dying(900, 70, k_first), in_namespaces(TaskBuilder(901, "m", 'S').child_of(900), {70, k_host}),
            in_namespaces(TaskBuilder(910, "x", 'S').child_of(900), {60, k_host}),
            in_namespaces(TaskBuilder(911, "deep", 'S').child_of(5), {90, 70, k_host})});
  const Picture picture(snapshot);
  ASSERT_EQ(picture.reapers.all().size(), 1u);
  const Reaper& reaper = picture.reapers.all().front();
  EXPECT_EQ(picture.reapers.belongs(reaper, snapshot.tasks[1]), Belongs::proved);
  EXPECT_EQ(picture.reapers.belongs(reaper, snapshot.tasks[2]), Belongs::no);
  EXPECT_EQ(picture.reapers.belongs(reaper, snapshot.tasks[3]), Belongs::proved);
  EXPECT_EQ(reaper.members.size(), 2u);
}

TEST(Jams, EachHolderOfACpuIsAFindingOfItsOwn) {
  const Diagnosis diagnosis = diagnose(pasted(
      {}, {soft_lockup(40, "a", 1, "f g"), soft_lockup(40, "a", 1, "f g"), soft_lockup(41, "b", 2, "f g")}));
  ASSERT_EQ(of_cause(diagnosis, CauseId::soft_lockup).size(), 2u);
}

TEST(Jams, EveryContainerIsNamedHoweverManyWait) {
  std::vector<Task> tasks = {
      TaskBuilder(900, "npm", 'R').numbers({900, 1}).exiting().in_zap().on_cpu(3).looks(2, 99, 0)};
  for (std::int32_t i = 0; i < 300; ++i)
    tasks.push_back(contained(TaskBuilder(1000 + i, "umount", 'D')
                                  .in("synchronize_rcu_expedited namespace_unlock put_mnt_ns")
                                  .looks(2, 0, 0),
                              "c" + std::to_string(i)));
  const Finding finding = finding_of(diagnose(live(std::move(tasks))), CauseId::reaper_busy_loop);
  std::set<std::string> named;
  for (const Party& victim : finding.victims) named.insert(victim.container);
  EXPECT_EQ(named.size(), 300u);
}

TEST(Jams, WithoutTimeNothingIsHealthy) {
  const Diagnosis diagnosis = diagnose(live({on_host(TaskBuilder(1, "init", 'S'))}), 0);
  EXPECT_EQ(diagnosis.verdict, Verdict::unknown);
  ASSERT_FALSE(diagnosis.limits.empty());
  EXPECT_EQ(diagnosis.limits.front().kind, Limit::out_of_time);
  EXPECT_EQ(diagnosis.limits.front().count, catalogue().size());
}

}  // namespace
}  // namespace unzap::testing
