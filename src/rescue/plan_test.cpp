// SPDX-License-Identifier: Apache-2.0
#include "rescue/plan.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

#include "diagnosis/task_facts.hpp"
#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

Task born(TaskBuilder task) {
  task.task.start_ticks = std::uint64_t{4000} + static_cast<std::uint64_t>(*task.task.tid);
  return task;
}

constexpr std::uint64_t k_host_ns = 1, k_ours = 2, k_other = 3;

Task with_chain(TaskBuilder builder, std::vector<std::uint64_t> chain) {
  Task task = born(builder);
  task.pid_ns = chain.front();
  task.pid_ns_chain = std::move(chain);
  return task;
}

/// An init that spins on CPU 1, and a child of it that waits for RCU.
Snapshot jam() {
  const std::string wait =
      "synchronize_rcu_expedited namespace_unlock put_mnt_ns free_nsproxy do_exit do_group_exit";
  return live({with_chain(TaskBuilder(57, "lab-init", 'R')
                              .of(57)
                              .numbers({57, 1})
                              .exiting()
                              .in_zap()
                              .on_cpu(1)
                              .looks(1.2, 99, 0),
                          {k_ours, k_host_ns}),
               with_chain(TaskBuilder(58, "lab-child", 'D')
                              .of(58)
                              .child_of(57)
                              .numbers({58, 2})
                              .exiting()
                              .in(wait)
                              .looks(1.2, 0, 0),
                          {k_ours, k_host_ns})});
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
  Reading<WaitFix> code;
  std::string condition;
  bool acts;
};

const WaitFix k_fixed{WaitFix::Kind::fix_2024, "/proc/kcore", {}};

const CodeRow k_code_rows[] = {
    {"NobodyLooked", Absence::not_asked, "nothing", true},
    {"Vulnerable", WaitFix{}, "yes: " + said_by_code(WaitFix{}), true},
    {"Unknown", Absence::not_permitted,
     "unknown: it could not be told: the kernel's code may not be read (/proc/kallsyms, /proc/kcore)", true},
    {"Fixed", k_fixed, "no: " + said_by_code(k_fixed), false},
};

/// The plan against the spin; with the fix another finding may stand before it.
Plan plan_against_spin(const Snapshot& snapshot) {
  const Finding finding = finding_of(diagnose(snapshot), CauseId::reaper_busy_loop);
  EXPECT_NE(finding, Finding{});
  return make_plan(finding, snapshot, good_means());
}

TEST(RescuePlan, AsksTheKernelsOwnCode) {
  for (const CodeRow& row : k_code_rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = jam();
    snapshot.host.wait_fix = row.code;
    const Plan plan = plan_against_spin(snapshot);
    EXPECT_EQ(said_of_the_code(plan), row.condition);
    EXPECT_EQ(plan.ready(), row.acts);
    EXPECT_EQ(plan.action.has_value(), row.acts);
    EXPECT_EQ(plan.why_none.find("nothing for the module to do") != std::string::npos, !row.acts);
  }
}

TEST(RescuePlan, OfARecordedHostTheCodeOfItsOwnKernelCounts) {
  for (const CodeRow& row : k_code_rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = jam();
    snapshot.origin = Origin::bundle;
    snapshot.host.wait_fix = row.code;
    const Plan plan = plan_against_spin(snapshot);
    EXPECT_EQ(said_of_the_code(plan), row.condition);
    EXPECT_EQ(plan.action.has_value(), row.acts);
  }
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
Finding finding(CauseId cause, std::int32_t culprit) {
  Finding out;
  out.cause = cause;
  out.confidence = Confidence::likely;
  out.culprit = Party{culprit, culprit, "it"};
  out.culprit->start_ticks = std::uint64_t{4000} + static_cast<std::uint64_t>(culprit);
  out.victims = {*out.culprit};
  return out;
}

/// A dying init [60] of namespace 2, its zombie [61], and the parent of both outside [70].
Snapshot outside(char state = 'S', const std::string& comm = "exec") {
  return live(
      {with_chain(TaskBuilder(60, "init", 'S').child_of(70).numbers({60, 1}).exiting(), {k_ours, k_host_ns}),
       with_chain(TaskBuilder(61, "zombie", 'Z').child_of(70).numbers({61, 2}), {k_ours, k_host_ns}),
       with_chain(TaskBuilder(70, comm, state).child_of(1).numbers({70}), {k_host_ns})});
}

Party party_of(std::int32_t tid) {
  Party out{tid, tid, "it"};
  out.start_ticks = std::uint64_t{4000} + static_cast<std::uint64_t>(tid);
  return out;
}

Finding jam_of(CauseId cause) {
  Finding out = finding(cause, 70);
  out.victims = {party_of(61), party_of(60)};
  out.reaper = party_of(60);
  out.pid_ns = k_ours;
  return out;
}

std::vector<Plan> parent_plans(const Snapshot& snapshot, const Means& means = good_means()) {
  return plans_for(jam_of(CauseId::unreaped_by_outside_parent), snapshot, means);
}

std::vector<int> signals_of(const std::vector<Plan>& plans) {
  std::vector<int> out;
  for (const Plan& plan : plans)
    if (plan.action) out.push_back(plan.action->signal);
  return out;
}

TEST(RescuePlan, SignalsTheParentOutsideTheMildestFirst) {
  const auto asleep = parent_plans(outside('S'));
  EXPECT_EQ(signals_of(asleep), (std::vector<int>{SIGCHLD, SIGTERM, SIGKILL}));
  for (const Plan& plan : asleep) EXPECT_TRUE(plan.ready()) << plan.obstacle()->text;
  EXPECT_EQ(asleep[0].after, "");
  EXPECT_EQ(asleep[1].after, asleep[0].id);
  EXPECT_EQ(asleep[0].watched[0].id.tid, 60) << "the init first";
  ASSERT_EQ(asleep[0].action->held.size(), 1U);
  EXPECT_EQ(asleep[0].action->held[0].id.tid, 61);
  const auto stopped = parent_plans(outside('T'));
  EXPECT_EQ(signals_of(stopped), (std::vector<int>{SIGCONT, SIGTERM, SIGKILL}));
  EXPECT_TRUE(stopped[0].ready());
  EXPECT_FALSE(stopped[1].ready()) << "it would not come to it";
  EXPECT_EQ(stopped[1].id, asleep[1].id) << "the same plan";
  for (const char state : {'D', 't', 'Z'}) EXPECT_FALSE(parent_plans(outside(state))[0].action) << state;
}

TEST(RescuePlan, AFrozenParentGetsNoSignal) {
  Snapshot snapshot = outside('S');
  snapshot.tasks[2].cgroup = std::string("/kubepods/quarantined/app");
  EXPECT_EQ(parent_plans(snapshot).size(), 3U);
  snapshot.cgroups = {
      {"/kubepods/quarantined", 2, true, true, "/sys/fs/cgroup/kubepods/quarantined/cgroup.events", true}};
  const auto plans = parent_plans(snapshot);
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_FALSE(plans[0].action);
  EXPECT_NE(plans[0].why_none.find("frozen by cgroup /kubepods/quarantined"), std::string::npos)
      << plans[0].why_none;
  snapshot.cgroups[0].frozen = snapshot.cgroups[0].freeze_asked = false;
  EXPECT_EQ(parent_plans(snapshot).size(), 3U);
}

/// One fact of the jam is taken away at a time; no signal is ready then.
struct Stranger {
  const char* name;
  std::function<void(Snapshot&, Finding&)> change;
};

const Stranger k_strangers[] = {
    {"ZombieOfAnother", [](Snapshot& s, Finding&) { s.tasks[1].ppid = 71; }},
    {"ZombieOfAnotherNamespace",
     [](Snapshot& s, Finding&) {
       s.tasks[1].pid_ns_chain = std::vector<std::uint64_t>{k_other, k_host_ns};
     }},
    {"ZombieWithoutChain", [](Snapshot& s, Finding&) { s.tasks[1].pid_ns_chain = Absence::timed_out; }},
    {"ZombieIsNoVictim", [](Snapshot&, Finding& f) { f.victims = {party_of(60)}; }},
    {"ZombieIsAnotherTask", [](Snapshot&, Finding& f) { f.victims[0].start_ticks = std::uint64_t{1}; }},
    {"ZombieLives", [](Snapshot& s, Finding&) { s.tasks[1].state = 'S'; }},
    {"ParentIsAMember",
     [](Snapshot& s, Finding&) {
       s.tasks[2].pid_ns_chain = std::vector<std::uint64_t>{k_ours, k_host_ns};
     }},
    {"ParentWithoutChain", [](Snapshot& s, Finding&) { s.tasks[2].pid_ns_chain = Absence::timed_out; }},
    {"ParentIsAnotherTask", [](Snapshot& s, Finding&) { s.tasks[2].start_ticks = std::uint64_t{1}; }},
    {"ParentWithoutIdentity", [](Snapshot&, Finding& f) { f.culprit->start_ticks.reset(); }},
    {"NotProved",
     [](Snapshot&, Finding& f) {
       f.unproved = {{Unproved::membership, "sh[61]"}};
     }},
    {"NoNamespace", [](Snapshot&, Finding& f) { f.pid_ns.reset(); }},
    {"NoReaper", [](Snapshot&, Finding& f) { f.reaper.reset(); }},
    {"ReaperIsNoInit",
     [](Snapshot& s, Finding&) {
       s.tasks[0].ns_pids = std::vector<std::int32_t>{60, 5};
     }},
    {"ReaperOfAnother",
     [](Snapshot& s, Finding&) {
       s.tasks[0].pid_ns_chain = std::vector<std::uint64_t>{k_other, k_host_ns};
     }},
    {"OnlyPossible", [](Snapshot&, Finding& f) { f.confidence = Confidence::possible; }},
};

TEST(RescuePlan, SignalsNobodyWhoIsNotProvedToHoldThisJam) {
  for (const Stranger& stranger : k_strangers) {
    SCOPED_TRACE(stranger.name);
    Snapshot snapshot = outside();
    Finding jam = jam_of(CauseId::unreaped_by_outside_parent);
    stranger.change(snapshot, jam);
    for (const Plan& plan : plans_for(jam, snapshot, good_means())) EXPECT_FALSE(plan.ready());
  }
}

/// Who is not signalled unasked, and what is said of it.
struct Keeper {
  const char* name;
  std::function<void(Snapshot&)> change;
  const char* says;
};

const Keeper k_keepers[] = {
    {"Shim", [](Snapshot& s) { s.tasks[2].comm = std::string("containerd-shim"); }, "a shim"},
    {"Systemd", [](Snapshot& s) { s.tasks[2].comm = std::string("systemd"); }, "service manager"},
    {"Sshd", [](Snapshot& s) { s.tasks[2].comm = std::string("sshd"); }, "a door"},
    {"HasAChild",
     [](Snapshot& s) {
       s.tasks.push_back(with_chain(TaskBuilder(80, "app", 'S').child_of(70), {k_other, k_host_ns}));
       s.tasks.back().container = std::string("0123456789abcdef");
     },
     "its child app[80] of container 0123456789ab lives"},
    {"HasAChildOfUnknownPlace",
     [](Snapshot& s) { s.tasks.push_back(born(TaskBuilder(80, "app", 'S').child_of(70))); }, "app[80]"},
    {"IsAnInit",
     [](Snapshot& s) {
       s.tasks[2] = with_chain(TaskBuilder(70, "app", 'S').numbers({70, 1}), {k_other, k_host_ns});
     },
     "everybody in there ends with it"},
    {"HasAChildWhoseFirstThreadHasEnded",
     [](Snapshot& s) {
       s.tasks.push_back(with_chain(TaskBuilder(80, "app", 'Z').of(80).child_of(70), {k_host_ns}));
       s.tasks.push_back(with_chain(TaskBuilder(81, "app", 'S').of(80).child_of(70), {k_host_ns}));
     },
     "its child app[80] lives"},
    {"TracesAnother",
     [](Snapshot& s) {
       s.tasks.push_back(with_chain(TaskBuilder(80, "app", 't').child_of(1), {k_host_ns}));
       s.tasks.back().tracer_pid = 70;
     },
     "it traces app[80]"},
    {"NotAllTasks", [](Snapshot& s) { s.all_tasks = false; }, "not all tasks were seen"},
};

TEST(RescuePlan, LeavesThoseAloneOnWhomOthersDepend) {
  Means allowed = good_means();
  allowed.allow_host_process = true;
  for (const Keeper& keeper : k_keepers) {
    SCOPED_TRACE(keeper.name);
    Snapshot snapshot = outside();
    keeper.change(snapshot);
    const auto plans = parent_plans(snapshot);
    for (const Plan& plan : plans) {
      ASSERT_FALSE(plan.ready());
      EXPECT_NE(plan.obstacle()->seen.find(keeper.says), std::string::npos) << plan.obstacle()->seen;
      EXPECT_NE(plan.obstacle()->seen.find("--allow-host-process"), std::string::npos);
    }
    const auto with_leave = parent_plans(snapshot, allowed);
    EXPECT_TRUE(with_leave[0].ready());
    EXPECT_EQ(with_leave[0].id, plans[0].id) << "leave does not make it another plan";
  }
}

TEST(RescuePlan, NeverSignalsProcess1) {
  Snapshot snapshot = outside();
  snapshot.tasks[2] = with_chain(TaskBuilder(1, "x", 'S').numbers({1}), {k_host_ns});
  snapshot.tasks[1].ppid = 1;
  Finding jam = jam_of(CauseId::unreaped_by_outside_parent);
  jam.culprit = party_of(1);
  Means allowed = good_means();
  allowed.allow_host_process = true;
  EXPECT_FALSE(plans_for(jam, snapshot, allowed)[0].action);
}

TEST(RescuePlan, EndsATracerThatTracesAVictim) {
  Snapshot snapshot = outside('S', "gdb");
  const Finding jam = jam_of(CauseId::traced_member);
  EXPECT_FALSE(make_plan(jam, snapshot, good_means()).ready());
  snapshot.tasks[1].tracer_pid = 70;
  auto plans = plans_for(jam, snapshot, good_means());
  EXPECT_EQ(signals_of(plans), (std::vector<int>{SIGTERM, SIGKILL}));
  EXPECT_TRUE(plans[0].ready());
  EXPECT_EQ(plans[0].action->target->id.tid, 70);
  snapshot.tasks[1].tracer_pid = 71;  // of a thread of it
  EXPECT_FALSE(make_plan(jam, snapshot, good_means()).ready());
  snapshot.tasks.push_back(with_chain(TaskBuilder(71, "gdb", 'S').of(70).numbers({71}), {k_host_ns}));
  EXPECT_TRUE(make_plan(jam, snapshot, good_means()).ready());
  snapshot.tasks[1].pid_ns_chain = std::vector<std::uint64_t>{k_other, k_host_ns};
  EXPECT_FALSE(make_plan(jam, snapshot, good_means()).ready()) << "the traced one is of another namespace";
}

TEST(RescuePlan, AStoppedTracerGoesOnFirst) {
  Snapshot snapshot = outside('T', "gdb");
  snapshot.tasks[1].tracer_pid = 70;
  EXPECT_EQ(signals_of(plans_for(jam_of(CauseId::traced_member), snapshot, good_means())),
            (std::vector<int>{SIGCONT, SIGTERM, SIGKILL}));
}

/// What makes it another plan, and what does not.
struct Change {
  const char* name;
  std::function<void(Plan&)> change;
  bool another;
};

const Change k_changes[] = {
    {"Nothing", [](Plan&) {}, false},
    {"Victims", [](Plan& p) { p.watched.pop_back(); }, false},
    {"Words", [](Plan& p) { p.action->text = p.summary = "other words"; }, false},
    {"Comm", [](Plan& p) { p.action->target->comm = "renamed"; }, false},
    {"Cause", [](Plan& p) { p.cause = "x"; }, true},
    {"Signal", [](Plan& p) { p.action->signal = SIGKILL; }, true},
    {"Kind", [](Plan& p) { p.action->kind = ActionKind::write_file; }, true},
    {"File", [](Plan& p) { p.action->file = "/f"; }, true},
    {"Value", [](Plan& p) { p.action->value = "0"; }, true},
    {"TargetTid", [](Plan& p) { p.action->target->id.tid += 1; }, true},
    {"TargetStart", [](Plan& p) { p.action->target->id.start_ticks += 1; }, true},
    {"TargetNamespace", [](Plan& p) { p.action->target->pid_ns = 9; }, true},
    {"Namespace", [](Plan& p) { p.pid_ns = 9; }, true},
    {"Init", [](Plan& p) { p.reaper->id.start_ticks += 1; }, true},
    {"FieldsRunTogether", [](Plan& p) { p.action->file = p.cause, p.cause = ""; }, true},
};

TEST(RescuePlan, AnIdNamesOnePlan) {
  const Plan plan = parent_plans(outside()).front();
  EXPECT_TRUE(is_plan_id(plan.id)) << plan.id;
  for (const Change& row : k_changes) {
    SCOPED_TRACE(row.name);
    Plan other = plan;
    row.change(other);
    EXPECT_EQ(plan_id(other) != plan.id, row.another);
  }
  for (const char* text :
       {"", "abc", "4c0h2n7k9qt", "4c0h2n7k9qtww", "4c0h2n7k9qtW", "4c0h2n7k9q/.", "4c0h2n7k9qt "})
    EXPECT_FALSE(is_plan_id(text)) << text;
}

TEST(RescuePlan, TwoFindingsOfOnePlanGiveItOnce) {
  Diagnosis diagnosis;
  diagnosis.findings = {jam_of(CauseId::unreaped_by_outside_parent),
                        jam_of(CauseId::unreaped_by_outside_parent)};
  EXPECT_EQ(make_plans(diagnosis, outside(), good_means()).size(), 3U);
}

TEST(RescuePlan, HasNoActionForOtherCauses) {
  const Plan plan = make_plan(finding(CauseId::block_io_wait, 70), live({}), good_means());
  EXPECT_FALSE(plan.action);
  EXPECT_NE(plan.why_none, "");
}

}  // namespace
}  // namespace unzap::testing
