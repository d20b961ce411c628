// SPDX-License-Identifier: Apache-2.0
#include "rescue/plan.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

Task born(TaskBuilder task) {
  task.task.start_ticks = std::uint64_t{4000} + static_cast<std::uint64_t>(*task.task.tid);
  return task;
}

/// An init that spins on CPU 1, and a child of it that waits for RCU.
Snapshot jam() {
  const std::string wait =
      "synchronize_rcu_expedited namespace_unlock put_mnt_ns free_nsproxy do_exit do_group_exit";
  return live({born(TaskBuilder(57, "lab-init", 'R')
                        .of(57)
                        .numbers({57, 1})
                        .exiting()
                        .in_zap()
                        .on_cpu(1)
                        .looks(1.2, 99, 0)),
               born(TaskBuilder(58, "lab-child", 'D')
                        .of(58)
                        .child_of(57)
                        .numbers({58, 2})
                        .exiting()
                        .in(wait)
                        .looks(1.2, 0, 0))});
}

Means good_means() {
  Means means;
  means.root = true;
  means.release = "6.1.0";
  means.takes_modules = true;
  means.headers = "/lib/modules/6.1.0/build";
  means.make = true;
  return means;
}

Plan first_plan(const Snapshot& snapshot, const Means& means) {
  const Diagnosis diagnosis = diagnose(snapshot);
  EXPECT_FALSE(diagnosis.findings.empty());
  return diagnosis.findings.empty() ? Plan{} : make_plan(diagnosis.findings.front(), snapshot, means);
}

TEST(RescuePlan, ClearsTheFlagOfTheSpinner) {
  const Plan plan = first_plan(jam(), good_means());
  ASSERT_TRUE(plan.action);
  EXPECT_TRUE(plan.ready());
  EXPECT_EQ(plan.cause, "reaper-busy-loop");
  EXPECT_EQ(plan.action->kind, ActionKind::clear_notify_signal);
  EXPECT_EQ(plan.action->target->id, (TaskId{57, 4057}));
  ASSERT_EQ(plan.watched.size(), 2U);
  EXPECT_EQ(plan.watched[0].id.tid, 57);
  EXPECT_EQ(plan.watched[1].id.tid, 58);
}

/// One thing is taken away at a time; the plan is not ready then, and says why.
struct Lack {
  const char* name;
  std::function<void(Snapshot&, Means&)> take_away;
  const char* says;
};

const Lack k_lacks[] = {
    {"NotRoot", [](Snapshot&, Means& m) { m.root = false; }, "sudo"},
    {"NoHeaders", [](Snapshot&, Means& m) { m.headers.clear(); }, "linux-headers-6.1.0"},
    {"NoCompiler", [](Snapshot&, Means& m) { m.make = false; }, "make or gcc is missing"},
    {"ModulesDisabled", [](Snapshot&, Means& m) { m.takes_modules = false; }, "modules_disabled"},
    {"LockedDown", [](Snapshot&, Means& m) { m.lockdown = std::string("integrity"); },
     "locked down (integrity)"},
    {"SecureBoot", [](Snapshot&, Means& m) { m.secure_boot = true; }, "Secure Boot is on"},
    {"SignedModulesOnly", [](Snapshot&, Means& m) { m.needs_signature = true; }, "sig_enforce"},
    {"Recorded", [](Snapshot& s, Means&) { s.origin = Origin::bundle; }, "run it on the host itself"},
    {"NotExiting", [](Snapshot& s, Means&) { s.tasks[0].flags = std::uint64_t{0x400000}; }, ""},
    {"OneLook", [](Snapshot& s, Means&) { s.tasks[0].samples.clear(); }, ""},
    {"HostInit", [](Snapshot& s, Means&) { s.tasks[0].ns_pids = std::vector<std::int32_t>{57}; }, ""},
};

TEST(RescuePlan, IsNotReadyWithoutAnyOneOfItsConditions) {
  const Diagnosis certain = diagnose(jam());
  for (const Lack& lack : k_lacks) {
    SCOPED_TRACE(lack.name);
    Snapshot snapshot = jam();
    Means means = good_means();
    lack.take_away(snapshot, means);
    const Plan plan = make_plan(certain.findings.front(), snapshot, means);
    EXPECT_TRUE(plan.action);
    EXPECT_FALSE(plan.ready());
    std::string said;
    for (const Condition& one : plan.conditions)
      if (one.met != Condition::Met::yes) said += one.text + ": " + one.seen + "\n";
    EXPECT_NE(said, "");
    EXPECT_NE(said.find(lack.says), std::string::npos) << said;
  }
}

std::string said_of_the_code(const Plan& plan) {
  for (const Condition& one : plan.conditions)
    if (one.text.find("code") != std::string::npos)
      return (one.met == Condition::Met::yes  ? "yes: "
              : one.met == Condition::Met::no ? "no: "
                                              : "unknown: ") +
             one.seen;
  return "nothing";
}

/// What the code of the kernel says, and what becomes of the plan.
struct CodeRow {
  const char* name;
  std::optional<KernelCode> code;
  const char* condition;
  bool acts;
};

const CodeRow k_code_rows[] = {
    {"NobodyLooked", std::nullopt, "nothing", true},
    {"Vulnerable", KernelCode{KernelCode::Wait::vulnerable, "it spins"}, "yes: it spins", true},
    {"Unknown", KernelCode{KernelCode::Wait::unknown, "no symbols"}, "unknown: no symbols", true},
    {"Fixed", KernelCode{KernelCode::Wait::fixed, "it sleeps"}, "no: it sleeps", false},
};

TEST(RescuePlan, AsksTheKernelsOwnCode) {
  for (const CodeRow& row : k_code_rows) {
    SCOPED_TRACE(row.name);
    Means means = good_means();
    means.kernel_code = row.code;
    const Plan plan = first_plan(jam(), means);
    EXPECT_EQ(said_of_the_code(plan), row.condition);
    EXPECT_EQ(plan.ready(), row.acts);
    EXPECT_EQ(plan.action.has_value(), row.acts);
    EXPECT_EQ(plan.why_none.find("nothing for the module to do") != std::string::npos, !row.acts);
  }
}

TEST(RescuePlan, DoesNotHoldThisKernelAgainstARecordedHost) {
  Snapshot snapshot = jam();
  snapshot.origin = Origin::bundle;
  Means means = good_means();
  means.kernel_code = KernelCode{KernelCode::Wait::fixed, "it sleeps"};
  const Plan plan = first_plan(snapshot, means);
  EXPECT_EQ(said_of_the_code(plan), "nothing");
  EXPECT_TRUE(plan.action);
}

TEST(RescuePlan, TakesASignedModuleWhereOneIsWanted) {
  Means means = good_means();
  means.lockdown = std::string("integrity");
  means.headers.clear();
  means.module = "unzap_rescue.ko";
  EXPECT_TRUE(first_plan(jam(), means).ready());
}

TEST(RescuePlan, DoesNothingOnACauseThatIsOnlyLikely) {
  Snapshot snapshot = jam();
  snapshot.tasks.pop_back();  // nobody waits behind it
  const Plan plan = first_plan(snapshot, good_means());
  EXPECT_EQ(plan.confidence, Confidence::likely);
  EXPECT_FALSE(plan.ready());
}

TEST(RescuePlan, DoesNotActWithoutAStartTime) {
  Snapshot snapshot = jam();
  snapshot.tasks[0].start_ticks = Absence::gone;
  const Plan plan = first_plan(snapshot, good_means());
  EXPECT_FALSE(plan.action);
  EXPECT_NE(plan.why_none, "");
}

/// A finding of this cause about `culprit`, as a rule would give it.
Finding finding(const std::string& cause, std::int32_t culprit) {
  Finding out;
  out.cause = cause;
  out.confidence = Confidence::likely;
  out.culprit = Party{culprit, culprit, "it", ""};
  return out;
}

TEST(RescuePlan, ThawsTheCgroupThatHoldsTheTask) {
  Snapshot snapshot = live({born(TaskBuilder(70, "job", 'D').of(70))});
  snapshot.tasks[0].cgroup = std::string("/pod/a");
  snapshot.cgroups = {{"/pod", 2, true, true, "/sys/fs/cgroup/pod/cgroup.events"},
                      {"/pod/a", 2, false, true, "/sys/fs/cgroup/pod/a/cgroup.events"}};
  const Plan plan = make_plan(finding("frozen-cgroup", 70), snapshot, good_means());
  ASSERT_TRUE(plan.action);
  EXPECT_TRUE(plan.ready());
  EXPECT_EQ(plan.action->file, "/sys/fs/cgroup/pod/cgroup.freeze") << "the one above was asked to freeze";
  EXPECT_EQ(plan.action->value, "0");
  snapshot.cgroups[0] = {"/pod", 1, true, true, "/sys/fs/cgroup/freezer/pod/freezer.state"};
  const Plan v1 = make_plan(finding("frozen-cgroup", 70), snapshot, good_means());
  ASSERT_TRUE(v1.action);
  EXPECT_EQ(v1.action->file + " " + v1.action->value, "/sys/fs/cgroup/freezer/pod/freezer.state THAWED");
}

TEST(RescuePlan, AbortsAConnectionOnlyWhenItIsTheOnlyOneThatWaits) {
  const Snapshot snapshot = live({born(TaskBuilder(70, "reader", 'D').of(70))});
  Means means = good_means();
  means.fuse = {{41, std::int64_t{0}}, {42, std::int64_t{3}}};
  const Plan plan = make_plan(finding("fuse-request", 70), snapshot, means);
  ASSERT_TRUE(plan.action);
  EXPECT_EQ(plan.action->file, "/sys/fs/fuse/connections/42/abort");
  means.fuse[0].waiting = std::int64_t{1};
  EXPECT_FALSE(make_plan(finding("fuse-request", 70), snapshot, means).action);
}

TEST(RescuePlan, SignalsTheParentOutside) {
  const auto parent = [](char state, std::int32_t tid = 70) {
    return make_plan(finding("unreaped-by-outside-parent", tid),
                     live({born(TaskBuilder(tid, "shim", state).of(tid))}), good_means());
  };
  ASSERT_TRUE(parent('T').action);
  EXPECT_EQ(parent('T').action->signal, SIGCONT);
  ASSERT_TRUE(parent('S').action);
  EXPECT_EQ(parent('S').action->signal, SIGTERM);
  EXPECT_FALSE(parent('D').action);
  EXPECT_FALSE(parent('S', 1).action) << "never process 1 of the host";
}

TEST(RescuePlan, EndsATracerThatTraces) {
  Snapshot snapshot =
      live({born(TaskBuilder(70, "gdb", 'S').of(70)), born(TaskBuilder(71, "job", 'Z').of(71))});
  EXPECT_FALSE(make_plan(finding("traced-member", 70), snapshot, good_means()).ready());
  snapshot.tasks[1].tracer_pid = 70;
  const Plan plan = make_plan(finding("traced-member", 70), snapshot, good_means());
  ASSERT_TRUE(plan.ready());
  EXPECT_EQ(plan.action->target->id.tid, 70);
  EXPECT_EQ(plan.action->signal, SIGKILL);
}

TEST(RescuePlan, HasNoActionForOtherCauses) {
  const Plan plan = make_plan(finding("block-io-wait", 70), live({}), good_means());
  EXPECT_FALSE(plan.action);
  EXPECT_NE(plan.why_none, "");
}

}  // namespace
}  // namespace unzap::testing
