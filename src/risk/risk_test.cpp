// SPDX-License-Identifier: Apache-2.0
#include "risk/risk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "snapshot/namespaces.hpp"

namespace unzap {
namespace {

constexpr std::uint64_t k_host_mnt = 10;
constexpr std::uint64_t k_container_ns = 77;
constexpr std::size_t k_init = 2;  // its place among the tasks

Task task_of(std::int32_t tid, std::int32_t tgid, const std::string& comm, std::uint64_t flags = 0) {
  Task out;
  out.tid = tid;
  out.tgid = tgid;
  out.comm = comm;
  out.flags = flags;
  return out;
}

Task contained(std::int32_t pid, const std::string& comm, std::int32_t own_pid, std::int32_t rings) {
  Task out = task_of(pid, pid, comm);
  out.pid_ns = k_container_ns;
  out.mnt_ns = std::uint64_t{20};
  out.ns_pids = std::vector<std::int32_t>{pid, own_pid};
  out.container = std::string(64, 'c');
  out.rings = rings;
  return out;
}

/// A node with a container whose init is an application with a ring, a worker
/// and a thread that polls, and a child.
Snapshot npm() {
  Snapshot out;
  out.origin = Origin::live;
  out.all_tasks = true;
  Task systemd = task_of(1, 1, "systemd");
  systemd.pid_ns = k_first_pid_ns;
  systemd.mnt_ns = k_host_mnt;
  out.tasks = {systemd,
               task_of(2, 2, "kthreadd", k_pf_kthread),
               contained(100, "npm start", 1, 1),
               task_of(103, 100, "libuv-worker"),
               task_of(104, 100, "iou-wrk-103", k_pf_io_worker),
               task_of(105, 100, "iou-sqp-100", k_pf_io_worker),
               contained(110, "sh", 7, 0)};
  return out;
}

/// A kernel of which `verdict` is what its facts come to.
void use_kernel(Snapshot& snapshot, KernelVerdict verdict) {
  Host& host = snapshot.host;
  host.setup.io_uring = verdict != KernelVerdict::not_affected;
  host.setup.preempt_rcu = verdict == KernelVerdict::wastes_cpu;
  if (verdict != KernelVerdict::unknown)
    host.wait_fix =
        WaitFix{verdict == KernelVerdict::fixed ? WaitFix::Kind::fix_2024 : WaitFix::Kind::none, "", {}};
}

struct Row {
  const char* name;
  KernelVerdict kernel;
  std::function<void(Snapshot&)> change;
  RiskRank rank;
};

Task& init_of(Snapshot& snapshot) {
  return snapshot.tasks[k_init];
}

void end_io_threads(Snapshot& snapshot) {
  std::erase_if(snapshot.tasks,
                [](const Task& task) { return (task.flags.value_or(0) & k_pf_io_worker) != 0; });
}

/// The threads of io_uring belong to the child instead.
void give_to_child(Snapshot& snapshot) {
  for (Task& task : snapshot.tasks)
    if ((task.flags.value_or(0) & k_pf_io_worker) != 0) task.tgid = 110;
}

void of_container(Snapshot& snapshot, Reading<std::uint64_t> pid_ns) {
  for (Task& task : snapshot.tasks)
    if (task.pid_ns.is(k_container_ns)) task.pid_ns = pid_ns;
}

const Row k_rows[] = {
    {"as it is", KernelVerdict::can_lock_up, [](Snapshot&) {}, RiskRank::can_jam_node},
    {"kernel wastes a CPU", KernelVerdict::wastes_cpu, [](Snapshot&) {}, RiskRank::can_waste_cpu},
    {"kernel is fixed", KernelVerdict::fixed, [](Snapshot&) {}, RiskRank::cannot},
    {"kernel is not affected", KernelVerdict::not_affected, [](Snapshot&) {}, RiskRank::cannot},
    {"kernel is not known", KernelVerdict::unknown, [](Snapshot&) {}, RiskRank::unknown},
    {"mount namespace of the host", KernelVerdict::can_lock_up,
     [](Snapshot& s) { init_of(s).mnt_ns = k_host_mnt; }, RiskRank::can_waste_cpu},
    {"mount namespace not known", KernelVerdict::can_lock_up,
     [](Snapshot& s) { init_of(s).mnt_ns = Absence::not_permitted; }, RiskRank::can_jam_node},
    {"a ring without workers", KernelVerdict::can_lock_up, end_io_threads, RiskRank::can_jam_node},
    {"workers, and files not permitted", KernelVerdict::can_lock_up,
     [](Snapshot& s) { init_of(s).rings = Absence::not_permitted; }, RiskRank::can_jam_node},
    {"neither", KernelVerdict::can_lock_up,
     [](Snapshot& s) {
       end_io_threads(s);
       init_of(s).rings = 0;
     },
     RiskRank::cannot},
    {"no workers, and files not permitted", KernelVerdict::can_lock_up,
     [](Snapshot& s) {
       end_io_threads(s);
       init_of(s).rings = Absence::not_permitted;
     },
     RiskRank::unknown},
    {"another member uses it", KernelVerdict::can_lock_up,
     [](Snapshot& s) {
       give_to_child(s);
       init_of(s).rings = 0;
     },
     RiskRank::cannot},
    {"its init is not to be found", KernelVerdict::can_lock_up,
     [](Snapshot& s) { init_of(s).ns_pids = Absence::gone; }, RiskRank::unknown},
    {"the host", KernelVerdict::can_lock_up, [](Snapshot& s) { of_container(s, k_first_pid_ns); },
     RiskRank::cannot},
    {"namespaces not permitted", KernelVerdict::can_lock_up,
     [](Snapshot& s) { of_container(s, Absence::not_permitted); }, RiskRank::unknown},
};

TEST(Risk, each_fact_decides) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = npm();
    use_kernel(snapshot, row.kernel);
    row.change(snapshot);
    const RiskReport report = assess_risk(snapshot);
    ASSERT_EQ(report.containers.size(), 1U);
    const ContainerRisk& container = report.containers[0];
    EXPECT_EQ(name(container.rank), name(row.rank)) << container.reason;
    EXPECT_EQ(report.worst(), row.rank);
    EXPECT_FALSE(container.reason.empty());
    EXPECT_EQ(container.advice.empty(), row.rank < RiskRank::can_waste_cpu);
  }
}

TEST(Risk, says_who_made_the_workers) {
  Snapshot snapshot = npm();
  use_kernel(snapshot, KernelVerdict::can_lock_up);
  const RiskReport report = assess_risk(snapshot);
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
  Snapshot snapshot = npm();
  use_kernel(snapshot, KernelVerdict::wastes_cpu);
  Task reaper = contained(50, "tini", 1, 0);
  reaper.pid_ns = std::uint64_t{55};
  snapshot.tasks.insert(snapshot.tasks.begin() + k_init, reaper);
  const RiskReport report = assess_risk(snapshot);
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

struct GapRow {
  const char* name;
  std::function<void(Snapshot&)> change;
  const char* says;
};

/// What leaves the answer open, of a node that has nothing to fear otherwise.
const GapRow k_gap_rows[] = {
    {"a view of one pid namespace", [](Snapshot& s) { s.tasks.erase(s.tasks.begin() + 1); },
     "no kernel threads"},
    {"not every thread", [](Snapshot& s) { s.all_tasks = false; }, "threads could not be read"},
    {"a bundle for a diagnosis alone", [](Snapshot& s) { s.tasks[0].pid_ns = Absence::not_asked; },
     "record the host again"},
    {"namespaces of others", [](Snapshot& s) { s.tasks[0].pid_ns = Absence::not_permitted; }, "run as root"},
    {"files of others", [](Snapshot& s) { s.tasks.back().rings = Absence::not_permitted; },
     "open files of other users"},
    {"very many files", [](Snapshot& s) { s.tasks.back().rings = Absence::not_asked; },
     "very many open files"},
    {"a file that blocks", [](Snapshot& s) { s.tasks.back().ns_pids = Absence::timed_out; },
     "status did not answer"},
};

TEST(Risk, what_was_not_seen_is_named_and_leaves_it_open) {
  for (const GapRow& row : k_gap_rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = npm();
    use_kernel(snapshot, KernelVerdict::fixed);
    ASSERT_EQ(assess_risk(snapshot).worst(), RiskRank::cannot);
    row.change(snapshot);
    const RiskReport report = assess_risk(snapshot);
    EXPECT_EQ(report.worst(), RiskRank::unknown);
    ASSERT_EQ(report.gaps.size(), 1U);
    EXPECT_NE(report.gaps[0].find(row.says), std::string::npos) << report.gaps[0];
  }
}

}  // namespace
}  // namespace unzap
