// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/wait_graph.hpp"

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

TEST(WaitGraph, TheSpinningReaperIsACircle) {
  const Snapshot snapshot =
      live({TaskBuilder(900, "npm", 'R').numbers({900, 1}).exiting().on_cpu(3).looks(2, 99, 0),
            TaskBuilder(901, "app", 'D').child_of(900).in("synchronize_rcu_expedited put_mnt_ns do_exit")});
  const WaitGraph graph(snapshot);
  ASSERT_EQ(graph.reapers().size(), 1u);
  EXPECT_EQ(route(graph, graph.cycle_through(*graph.node_of(snapshot.tasks[0]))),
            "npm[900] -> pid namespace of npm[900] -> app[901] -> RCU grace period -> CPU 3 -> npm[900]");
}

TEST(WaitGraph, TheThreePartyCircleOfAParentThatWaitsForTheDying) {
  const Snapshot snapshot =
      pasted({TaskBuilder(1, "systemd", 'D').in("cgroup_drain_dying cgroup_rmdir"),
              TaskBuilder(900, "init", 'S').child_of(1).in("zap_pid_ns_processes do_exit"),
              TaskBuilder(950, "sh", 'Z').child_of(1)});
  const WaitGraph graph(snapshot);
  EXPECT_EQ(route(graph, graph.way(snapshot.tasks[2], snapshot.tasks[1])),
            "sh[950] -> systemd[1] -> init[900]");
}

TEST(WaitGraph, ProcessesAndTracers) {
  TaskBuilder tracee(40, "app", 't');
  tracee.task.tracer_pid = 77;
  const Snapshot snapshot = pasted({TaskBuilder(30, "java", 'Z'), TaskBuilder(31, "java", 'D').of(30), tracee,
                                    TaskBuilder(50, "sh", 'Z').child_of(60), TaskBuilder(60, "shim", 'S')});
  const WaitGraph graph(snapshot);
  EXPECT_EQ(route(graph, graph.way(snapshot.tasks[0], snapshot.tasks[1])), "java[30] -> java[31]");
  EXPECT_EQ(route(graph, graph.out(*graph.node_of(snapshot.tasks[2]))), "app[40] -> tracer 77");
  EXPECT_TRUE(graph.reaches(snapshot.tasks[3], snapshot.tasks[4]));
  EXPECT_FALSE(graph.reaches(snapshot.tasks[4], snapshot.tasks[3]));
}

TEST(WaitGraph, EveryEdgeHasItsProof) {
  const Snapshot snapshot =
      pasted({TaskBuilder(900, "init", 'S').in("do_wait zap_pid_ns_processes"),
              TaskBuilder(901, "app", 'D').child_of(900).in("nfs_file_write vfs_write"),
              TaskBuilder(902, "b", 'D').child_of(901).in("__wait_rcu_gp synchronize_rcu")},
             {soft_lockup(62, "kworker", 5, "rpc_exit_task kthread")});
  const WaitGraph graph(snapshot);
  EXPECT_GE(graph.edges().size(), 6u);
  for (const Edge& edge : graph.edges()) {
    EXPECT_FALSE(edge.proofs.empty())
        << gist(graph.nodes()[edge.from].ref) << " -> " << gist(graph.nodes()[edge.to].ref);
    EXPECT_NE(edge.reason, Reason());
  }
}

TEST(WaitGraph, ParentLoopsEnd) {
  // pid reuse between two reads can make a circle of parents.
  const Snapshot snapshot =
      pasted({TaskBuilder(900, "init", 'S').child_of(902).in("do_wait zap_pid_ns_processes"),
              TaskBuilder(901, "a", 'S').child_of(900), TaskBuilder(902, "b", 'S').child_of(901)});
  const WaitGraph graph(snapshot);
  EXPECT_EQ(graph.reapers().at(0).members.size(), 2u);
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
