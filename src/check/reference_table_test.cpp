// SPDX-License-Identifier: Apache-2.0
// The verdicts that were derived by hand and by an independent search, before this model existed, over
// versions, preemption, fix, source of the flag, CPUs, and who else holds the mount namespace. State counts
// are this model's own; they are pinned so that a change of the model is seen.
#include <gtest/gtest.h>

#include "check/check.hpp"
#include "kernel/story/test_cast.hpp"

namespace unzap {
namespace {

using enum kernel::Switch;
using kernel::Preempt;
using kernel::Scenario;
using kernel::WorkerStart;

/// Where the task in zap_pid_ns_processes() has its flag from.
enum class Source { s1, s3, s4, s5_self };

struct Row {
  const char* name;
  const char* kernel;
  const char* fix;  ///< "1": none, "2": fix-2024, "3": fix-2026
  Preempt preempt;
  Source source;
  int cpus;
  int outside_holders;
  int migrations;
  CheckVerdict verdict;
  const char* reaper;  ///< who spins
  std::size_t states, transitions, doomed;
};

constexpr auto N = Preempt::none;
constexpr auto V = Preempt::voluntary;
constexpr auto F = Preempt::full;
constexpr auto lockup = CheckVerdict::lockup;
constexpr auto busy = CheckVerdict::busy_wait;
constexpr auto proved = CheckVerdict::proved;

const Row k_rows[] = {
#include "check/reference_table.inc"
};

Scenario scenario_of(const Row& row) {
  Scenario s = kernel::init_and_child("L", "Y");
  s.processes[0].ring.emplace();
  s.environment.idle_timeouts = false;
  s.cpus = static_cast<std::uint8_t>(row.cpus);
  s.containers[0].outside_holders = static_cast<std::uint8_t>(row.outside_holders);
  s.environment.cgroup_migrations = static_cast<std::uint8_t>(row.migrations);
  switch (row.source) {
    case Source::s1: ring_of(s).workers = {WorkerStart::idle}; break;
    case Source::s3:
      ring_of(s).workers = {WorkerStart::idle};
      ring_of(s).bounded = 1;
      break;
    case Source::s4:
      ring_of(s).workers = {WorkerStart::about_to_read};
      ring_of(s).unbounded = 1;
      break;
    case Source::s5_self: ring_of(s).armed = true; break;
  }
  return s;
}

/// The kernel with only this source of the flag.
kernel::Variant variant_of(const Row& row) {
  kernel::Variant v = kernel::find_kernel(row.kernel)->variant;
  v.set(fix_2024, row.fix[0] == '2').set(fix_2026, row.fix[0] == '3');
  v.set(notify_exiting_workers, row.source == Source::s1);
  v.set(worker_self_notify, row.source == Source::s3);
  v.set(notify_owner_to_create, row.source == Source::s4);
  v.set(notify_task_of_request, row.source == Source::s5_self);
  return v;
}

TEST(ReferenceTable, Verdicts) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const CheckReport report =
        check({scenario_of(row), row.kernel, variant_of(row), row.preempt, {.invariants = true}});
    EXPECT_EQ(name(report.verdict), name(row.verdict));
    EXPECT_EQ(report.figures.states, row.states);
    EXPECT_EQ(report.figures.transitions, row.transitions);
    EXPECT_EQ(report.doomed_states, row.doomed);
    std::string spins;
    if (report.counterexample)
      for (const CheckTask& task : report.counterexample->tasks)
        if (task.fate == TaskFate::spins) spins += task.task;
    EXPECT_EQ(spins, row.reaper);
    if (report.figures.states != row.states || report.figures.transitions != row.transitions ||
        report.doomed_states != row.doomed)
      fmt::print("    {{\"{}\", ..., {}, {}, {}}},\n", row.name, report.figures.states,
                 report.figures.transitions, report.doomed_states);
  }
}

}  // namespace
}  // namespace unzap
