// SPDX-License-Identifier: Apache-2.0
#include "risk/risk.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace unzap {
namespace {

constexpr std::uint64_t k_host_mnt = 10;

/// A container whose init is an application with a ring and two workers, and a child.
NodeView npm() {
  NodeView out;
  out.host_mnt_ns = k_host_mnt;
  ViewedProcess init{100, "npm start", 77, 20, 1, std::string(64, 'c'), 1, {}};
  init.io_threads.push_back({104, "iou-wrk-103", false, creator_in("iou-wrk-103"), "libuv-worker"});
  init.io_threads.push_back({105, "iou-sqp-100", true, creator_in("iou-sqp-100"), "npm start"});
  const ViewedProcess child{110, "sh", 77, 20, 7, std::string(64, 'c'), 0, {}};
  out.processes = {child, init};
  return out;
}

KernelAnswer kernel(KernelVerdict verdict) {
  KernelAnswer out;
  out.verdict = verdict;
  out.reason = "so it is";
  return out;
}

struct Row {
  const char* name;
  KernelVerdict kernel;
  std::function<void(NodeView&)> change;
  RiskRank rank;
};

ViewedProcess& init_of(NodeView& view) {
  return view.processes[1];
}

const Row k_rows[] = {
    {"as it is", KernelVerdict::can_lock_up, [](NodeView&) {}, RiskRank::can_jam_node},
    {"kernel wastes a CPU", KernelVerdict::wastes_cpu, [](NodeView&) {}, RiskRank::can_waste_cpu},
    {"kernel is fixed", KernelVerdict::fixed, [](NodeView&) {}, RiskRank::cannot},
    {"kernel is not affected", KernelVerdict::not_affected, [](NodeView&) {}, RiskRank::cannot},
    {"kernel is not known", KernelVerdict::unknown, [](NodeView&) {}, RiskRank::unknown},
    {"mount namespace of the host", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).mnt_ns = k_host_mnt; }, RiskRank::can_waste_cpu},
    {"mount namespace not known", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).mnt_ns = Absence::not_permitted; }, RiskRank::can_jam_node},
    {"a ring without workers", KernelVerdict::can_lock_up, [](NodeView& v) { init_of(v).io_threads.clear(); },
     RiskRank::can_jam_node},
    {"workers, and files not permitted", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).rings = Absence::not_permitted; }, RiskRank::can_jam_node},
    {"neither", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).io_threads.clear(), init_of(v).rings = 0; }, RiskRank::cannot},
    {"no workers, and files not permitted", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).io_threads.clear(), init_of(v).rings = Absence::not_permitted; },
     RiskRank::unknown},
    {"another member uses it", KernelVerdict::can_lock_up,
     [](NodeView& v) {
       std::swap(v.processes[0].io_threads, v.processes[1].io_threads), init_of(v).rings = 0;
     },
     RiskRank::cannot},
    {"its init is not to be found", KernelVerdict::can_lock_up,
     [](NodeView& v) { init_of(v).own_pid = Absence::gone; }, RiskRank::unknown},
    {"the host", KernelVerdict::can_lock_up,
     [](NodeView& v) {
       for (auto& p : v.processes) p.pid_ns = k_first_pid_ns;
     },
     RiskRank::cannot},
    {"namespaces not permitted", KernelVerdict::can_lock_up,
     [](NodeView& v) {
       for (auto& p : v.processes) p.pid_ns = Absence::not_permitted;
     },
     RiskRank::unknown},
};

TEST(Risk, each_fact_decides) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    NodeView view = npm();
    row.change(view);
    const RiskReport report = assess_risk(view, kernel(row.kernel));
    ASSERT_EQ(report.containers.size(), 1U);
    const ContainerRisk& container = report.containers[0];
    EXPECT_EQ(name(container.rank), name(row.rank)) << container.reason;
    EXPECT_EQ(report.worst(), row.rank);
    EXPECT_FALSE(container.reason.empty());
    EXPECT_EQ(container.advice.empty(), row.rank < RiskRank::can_waste_cpu);
  }
}

TEST(Risk, says_who_made_the_workers) {
  const RiskReport report = assess_risk(npm(), kernel(KernelVerdict::can_lock_up));
  const ContainerRisk& container = report.containers[0];
  EXPECT_EQ(container.workers, 1U);
  EXPECT_EQ(container.sqpoll, 1U);
  EXPECT_EQ(container.init_pid, 100);
  EXPECT_EQ(container.init_kind, InitKind::application);
  EXPECT_EQ(container.own_mount_ns, true);
  ASSERT_EQ(container.users.size(), 1U);
  EXPECT_TRUE(container.users[0].init);
  EXPECT_EQ(container.users[0].io_threads[0].creator, 103);
  EXPECT_EQ(container.advice[0].id, "uv");
}

TEST(Risk, the_worst_container_stands_first) {
  NodeView view = npm();
  ViewedProcess reaper{50, "tini", 55, 30, 1, Absence::not_asked, 0, {}};
  view.processes.insert(view.processes.begin(), reaper);
  const RiskReport report = assess_risk(view, kernel(KernelVerdict::wastes_cpu));
  ASSERT_EQ(report.containers.size(), 2U);
  EXPECT_EQ(report.containers[0].init_comm, "npm start");
  EXPECT_EQ(report.containers[1].init_kind, InitKind::reaper);
  EXPECT_EQ(report.containers[1].rank, RiskRank::cannot);
}

TEST(Risk, what_was_not_seen_may_do_harm) {
  RiskReport report;
  EXPECT_EQ(report.worst(), RiskRank::cannot);
  report.gaps = {"hidden"};
  EXPECT_EQ(report.worst(), RiskRank::unknown);
}

TEST(Risk, names_of_io_threads) {
  EXPECT_EQ(creator_in("iou-wrk-4194303"), 4194303);
  EXPECT_EQ(creator_in("iou-sqp-1"), 1);
  for (const char* comm : {"iou-wrk-", "iou-wrk-x", "iou-wrk--1", "iou-wrk-99999999999", "iou", "node"})
    EXPECT_TRUE(creator_in(comm).absence()) << comm;
}

}  // namespace
}  // namespace unzap
