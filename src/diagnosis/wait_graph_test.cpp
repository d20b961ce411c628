// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/picture.hpp"

#include <gtest/gtest.h>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

/// "a -> b -> c" by the labels of the nodes.
std::string route(const WaitGraph& graph, const std::vector<const Edge*>& way) {
  if (way.empty()) return "none";
  std::string out = gist(graph.nodes()[way.front()->from].ref);
  for (const Edge* edge : way) out += " -> " + gist(graph.nodes()[edge->to].ref);
  return out;
}

/// A graph of CPUs that wait for each other.
WaitGraph of_cpus(std::initializer_list<std::pair<std::int32_t, std::int32_t>> edges) {
  WaitGraph graph;
  for (const auto& [from, to] : edges)
    graph.connect(graph.thing(NodeRef::cpu(from)), graph.thing(NodeRef::cpu(to)), Reason::keeps_cpu,
                  {{"here", "seen"}});
  return graph;
}

TEST(WaitGraph, TheShortestWayAndTheShortestCircle) {
  WaitGraph graph = of_cpus({{1, 2}, {2, 3}, {3, 4}, {1, 3}, {4, 1}, {4, 5}});
  const auto cpu = [&](std::int32_t number) { return graph.thing(NodeRef::cpu(number)); };
  EXPECT_EQ(route(graph, graph.path(cpu(1), cpu(5))), "CPU 1 -> CPU 3 -> CPU 4 -> CPU 5");
  EXPECT_EQ(route(graph, graph.path(cpu(5), cpu(1))), "none");
  EXPECT_EQ(route(graph, graph.cycle_through(cpu(3))), "CPU 3 -> CPU 4 -> CPU 1 -> CPU 3");
  EXPECT_EQ(route(graph, graph.cycle_through(cpu(5))), "none");
  EXPECT_EQ(route(graph, graph.into(cpu(3))), "CPU 2 -> CPU 3 -> CPU 3");
  EXPECT_EQ(graph.nodes().size(), 5u);
}

TEST(WaitGraph, AnEdgeIsThereOnceWithAllItsProofs) {
  WaitGraph graph = of_cpus({{1, 2}, {1, 2}, {2, 2}});
  ASSERT_EQ(graph.edges().size(), 1u) << "one edge of two, and nobody waits for himself";
  EXPECT_EQ(graph.edges().front().proofs.size(), 2u);
  EXPECT_FALSE(graph.edges().front().inferred);
}

TEST(WaitGraph, OneTaskIsOneNode) {
  Task task, other;
  WaitGraph graph;
  EXPECT_EQ(graph.node_of(task), std::nullopt);
  const std::size_t node = graph.task_node(task);
  EXPECT_EQ(graph.task_node(task), node);
  EXPECT_EQ(graph.node_of(task), node);
  graph.connect(node, graph.task_node(other), Reason::parent_must_reap, {}, true);
  EXPECT_TRUE(graph.reaches(task, other));
  EXPECT_FALSE(graph.reaches(other, task));
  EXPECT_FALSE(graph.reaches(task, task));
}

TEST(WaitGraph, TheSpinningReaperIsACircle) {
  const Snapshot snapshot =
      live({TaskBuilder(900, "npm", 'R').numbers({900, 1}).exiting().on_cpu(3).looks(2, 99, 0),
            TaskBuilder(901, "app", 'D').child_of(900).in("synchronize_rcu_expedited put_mnt_ns do_exit")});
  const Picture picture(snapshot);
  ASSERT_EQ(picture.reapers.all().size(), 1u);
  EXPECT_EQ(route(picture.graph, picture.graph.cycle_through(*picture.graph.node_of(snapshot.tasks[0]))),
            "npm[900] -> pid namespace of npm[900] -> app[901] -> RCU grace period -> CPU 3 -> npm[900]");
}

TEST(WaitGraph, TheThreePartyCircleOfAParentThatWaitsForTheDying) {
  const Snapshot snapshot =
      pasted({TaskBuilder(1, "systemd", 'D').in("cgroup_drain_dying cgroup_rmdir"),
              TaskBuilder(900, "init", 'S').child_of(1).in("zap_pid_ns_processes do_exit"),
              TaskBuilder(950, "sh", 'Z').child_of(1)});
  const Picture picture(snapshot);
  EXPECT_EQ(route(picture.graph, picture.graph.way(snapshot.tasks[2], snapshot.tasks[1])),
            "sh[950] -> systemd[1] -> init[900]");
}

TEST(WaitGraph, ProcessesAndTracers) {
  TaskBuilder tracee(40, "app", 't');
  tracee.task.tracer_pid = 77;
  const Snapshot snapshot = pasted({TaskBuilder(30, "java", 'Z'), TaskBuilder(31, "java", 'D').of(30), tracee,
                                    TaskBuilder(50, "sh", 'Z').child_of(60), TaskBuilder(60, "shim", 'S')});
  const Picture picture(snapshot);
  EXPECT_EQ(route(picture.graph, picture.graph.way(snapshot.tasks[0], snapshot.tasks[1])),
            "java[30] -> java[31]");
  EXPECT_EQ(route(picture.graph, picture.graph.out(*picture.graph.node_of(snapshot.tasks[2]))),
            "app[40] -> tracer 77");
  EXPECT_TRUE(picture.graph.reaches(snapshot.tasks[3], snapshot.tasks[4]));
  EXPECT_FALSE(picture.graph.reaches(snapshot.tasks[4], snapshot.tasks[3]));
}

TEST(WaitGraph, EveryEdgeHasItsProof) {
  const Snapshot snapshot =
      pasted({TaskBuilder(900, "init", 'S').in("do_wait zap_pid_ns_processes"),
              TaskBuilder(901, "app", 'D').child_of(900).in("nfs_file_write vfs_write"),
              TaskBuilder(902, "b", 'D').child_of(901).in("__wait_rcu_gp synchronize_rcu")},
             {soft_lockup(62, "kworker", 5, "rpc_exit_task kthread")});
  const Picture picture(snapshot);
  EXPECT_GE(picture.graph.edges().size(), 6u);
  for (const Edge& edge : picture.graph.edges()) {
    EXPECT_FALSE(edge.proofs.empty())
        << gist(picture.graph.nodes()[edge.from].ref) << " -> " << gist(picture.graph.nodes()[edge.to].ref);
    EXPECT_NE(edge.reason, Reason());
  }
}

TEST(WaitGraph, ParentLoopsEnd) {
  // pid reuse between two reads can make a circle of parents.
  const Snapshot snapshot =
      pasted({TaskBuilder(900, "init", 'S').child_of(902).in("do_wait zap_pid_ns_processes"),
              TaskBuilder(901, "a", 'S').child_of(900), TaskBuilder(902, "b", 'S').child_of(901)});
  const Picture picture(snapshot);
  EXPECT_EQ(picture.reapers.all().at(0).members.size(), 2u);
}

TEST(WaitGraph, TenThousandMembersAreFast) {
  std::vector<Task> tasks = {TaskBuilder(900, "init", 'S').in("do_wait zap_pid_ns_processes")};
  for (std::int32_t tid = 1000; tid < 31000; ++tid)
    tasks.push_back(TaskBuilder(tid, "app", 'D').child_of(900).in("nfs_file_write vfs_write"));
  const Diagnosis diagnosis = diagnose(pasted(tasks));  // ctest's time limit is the bound
  EXPECT_EQ(gist(diagnosis), "stuck: network-fs-wait likely");
  EXPECT_LE(diagnosis.findings[0].victims.size(), 50u);
}

TEST(Diagnose, WhatTheKernelHasCountedIsEvidenceBesideWhatItSpeaksFor) {
  Snapshot snapshot =
      pasted({TaskBuilder(41, "app", 'D').in("request_wait_answer fuse_flush do_exit")},
             {soft_lockup(900, "npm", 1, "do_wait kernel_wait4 zap_pid_ns_processes do_exit")});
  const auto cited = [&](CauseId cause) {
    std::string out;
    for (const Evidence& piece : finding_of(diagnose(snapshot), cause).evidence)
      if (piece.source.ends_with("_count")) out += piece.text + "; ";
    return out;
  };
  EXPECT_EQ(cited(CauseId::reaper_busy_loop), "");
  snapshot.host.soft_lockups = std::uint64_t{1};
  snapshot.host.rcu_stalls = std::uint64_t{2};
  snapshot.host.hung_tasks = std::uint64_t{0};
  EXPECT_EQ(cited(CauseId::reaper_busy_loop),
            "1 soft lockup since the host was booted; 2 RCU stalls since the host was booted; ");
  EXPECT_EQ(cited(CauseId::fuse_request), "");
}

}  // namespace
}  // namespace unzap::testing
