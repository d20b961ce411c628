// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/invariants.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "kernel/linux/io_wq.hpp"
#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

/// A state in which one thing is wrong.
struct Bend {
  std::string_view invariant;  ///< which is broken, and is named first
  std::string_view what;
  void (*bend)(Driver& d);
};

Process& process_of(Driver& d, TaskNo no) {
  return d.s.processes[d.config().tasks[no].process];
}

/// Leaves `no` as a task that has passed exit_notify() and goes on.
void make_zombie(Driver& d, TaskNo no) {
  Task& task = d[no];
  task.exit_state = ExitState::zombie;
  task.run_state = RunState::running;
  task.flags |= k_pf_exiting | k_on_rq;
}

const Bend k_bends[] = {
    {"one_task_per_cpu", "two CPUs run the leader", [](Driver& d) { d.s.current[1] = d.leader(); }},
    {"one_task_per_cpu", "the child says that it runs", [](Driver& d) { d[d.child()].cpu = 1; }},
    {"one_task_per_cpu", "the leader's CPU runs nobody", [](Driver& d) { d.s.current[0] = k_no_task; }},
    {"runnable_is_queued", "what runs is not queued",
     [](Driver& d) { d[d.leader()].flags &= static_cast<std::uint8_t>(~k_on_rq); }},
    {"runnable_is_queued", "woken and not queued",
     [](Driver& d) { d[d.child()].run_state = RunState::running; }},
    {"runnable_is_queued", "dead and queued",
     [](Driver& d) {
       d[d.child()].run_state = RunState::dead;
       d[d.child()].flags |= k_on_rq;
     }},
    {"dead_has_no_stack", "a sleeper in no function", [](Driver& d) { d[d.child()].depth = 0; }},
    {"dead_has_no_stack", "dead, and still in a function",
     [](Driver& d) {
       d[d.child()].run_state = RunState::dead;
       d[d.child()].flags |= k_pf_exiting;
     }},
    {"exiting_past_exit_signals", "a zombie without PF_EXITING",
     [](Driver& d) { d[d.child()].exit_state = ExitState::zombie; }},
    {"zombie_does_not_sleep", "a zombie asleep",
     [](Driver& d) {
       d[d.child()].exit_state = ExitState::zombie;
       d[d.child()].flags |= k_pf_exiting;
     }},
    {"parent_lives", "a child of a thread that is a zombie",
     [](Driver& d) {
       make_zombie(d, d.worker());
       d[d.child()].parent = d.worker();
     }},
    {"reaper_outlives_members", "init is a zombie, its child lives",
     [](Driver& d) {
       make_zombie(d, d.leader());
       d[d.child()].parent = k_outside;
     }},
    {"pid_allocated", "a number too few", [](Driver& d) { --d.s.pid_ns[0].pid_allocated; }},
    {"pid_allocated", "below zero", [](Driver& d) { d.s.pid_ns[0].pid_allocated = 0xff; }},
    {"quick_threads", "one too many", [](Driver& d) { ++process_of(d, d.leader()).quick_threads; }},
    {"files_users", "one too few", [](Driver& d) { --process_of(d, d.child()).files_users; }},
    {"nsproxy_refs", "one too few", [](Driver& d) { --d.s.mnt_ns[0].nsproxy_refs; }},
    {"mnt_ns_refs", "one too many", [](Driver& d) { ++d.s.mnt_ns[0].refs; }},
    {"mnt_ns_refs", "gone, and held", [](Driver& d) { d.s.mnt_ns[0].gone = 1; }},
    {"namespace_sem", "held by nobody", [](Driver& d) { d.s.namespace_sem = 1; }},
    {"dump_waits_for", "a dump that does not wait for the workers",
     [](Driver& d) { process_of(d, d.leader()).dumping = 1; }},
    {"dump_waits_for", "threads to wait for, and no dump",
     [](Driver& d) { process_of(d, d.leader()).dump_waits_for = 1; }},
    {"dump_waits_for", "parked, and no dump", [](Driver& d) { d[d.worker()].flags2 |= k_parked; }},
    {"exp_mutex", "the holder is in user mode", [](Driver& d) { d.s.rcu.exp_mutex = d.child(); }},
    {"one_grace_period", "without the mutex", [](Driver& d) { d.s.rcu.running = 1; }},
    {"one_grace_period", "a CPU is waited for, by nobody", [](Driver& d) { d.s.rcu.mask = 1; }},
    {"one_grace_period", "a CPU was asked that nobody waits for", [](Driver& d) { d.s.rcu.asked = 2; }},
    {"reader_does_not_sleep", "asleep in a read-side section",
     [](Driver& d) { d[d.child()].flags |= k_rcu_reader; }},
    {"reader_does_not_sleep", "blocks a grace period outside of one",
     [](Driver& d) { d[d.leader()].flags |= k_rcu_blocks_gp; }},
    {"worker_refs", "one too few", [](Driver& d) { --d.s.wqs[0].worker_refs; }},
    {"worker_refs", "below zero", [](Driver& d) { d.s.wqs[0].worker_refs = 0xff; }},
    {"worker_ref", "one too many", [](Driver& d) { ++d[d.worker()].worker_ref; }},
    {"worker_ref", "of a task that is not a worker", [](Driver& d) { d[d.child()].worker_ref = 1; }},
    {"hash_has_one_holder", "a chain in nobody's hands", [](Driver& d) { d.s.wqs[0].chain = 1; }},
    {"hash_has_one_holder", "two holders",
     [](Driver& d) {
       d.s.wqs[0].chain = 1;
       d[d.worker(0)].local |= k_holds_hash;
       d[d.worker(1)].local |= k_holds_hash;
     }},
};

Driver fresh() {
  return {with_workers({WorkerStart::reading, WorkerStart::idle}), "v5.15.160"};
}

TEST(KernelInvariants, AStateThatIsBentBreaksTheOneThatSaysSo) {
  for (const Bend& row : k_bends) {
    SCOPED_TRACE(std::string(row.invariant) + ": " + std::string(row.what));
    Driver d = fresh();
    ASSERT_EQ(broken_in(d.config(), d.s), nullptr);
    row.bend(d);
    EXPECT_EQ(d.machine.violated(d.s), row.invariant);
  }
}

TEST(KernelInvariants, EachCanBeBroken) {
  std::set<std::string_view> bent, all;
  for (const Bend& row : k_bends) bent.insert(row.invariant);
  for (const Invariant& one : invariants()) all.insert(one.name);
  EXPECT_EQ(bent, all);
  EXPECT_EQ(all.size(), invariants().size()) << "two have the same name";
}

TEST(KernelInvariants, ARenamedStateBreaksWhatTheStateBreaks) {
  for (const Bend& row : k_bends) {
    SCOPED_TRACE(std::string(row.invariant) + ": " + std::string(row.what));
    Driver d = fresh();
    row.bend(d);
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
      const State other = renamed(d.config(), d.s, d.machine.symmetry().any(d.config(), d.s, seed));
      EXPECT_EQ(d.machine.violated(other), row.invariant);
    }
  }
}

TEST(KernelInvariants, EachHasItsRowInTheKernelFacts) {
  for (const Invariant& one : invariants()) {
    const std::filesystem::path page =
        std::filesystem::path(UNZAP_SOURCE_DIR) / "docs/kernel-facts" / std::string(one.page);
    std::ifstream file(page);
    ASSERT_TRUE(file) << page;
    std::stringstream text;
    text << file.rdbuf();
    const std::string place = "`invariants.cpp " + std::string(one.name) + "`";
    EXPECT_NE(text.str().find(place), std::string::npos) << page << " has no row for " << place;
  }
}

TEST(KernelInvariants, AreFoundByName) {
  for (const Invariant& one : invariants()) EXPECT_EQ(find_invariant(one.name), &one);
  EXPECT_EQ(find_invariant("no_such_invariant"), nullptr);
}

}  // namespace
}  // namespace unzap::kernel
