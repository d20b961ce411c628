// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace unzap {
namespace {

Snapshot host() {
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  snapshot.host.name = std::string("node7");
  snapshot.host.kernel_release = std::string("5.15.160");
  snapshot.host.cpus = 2;
  Task task;
  task.tid = 42;
  task.tgid = 42;
  task.state = 'D';
  snapshot.tasks = {task};
  return snapshot;
}

Diagnosis stuck() {
  Finding finding;
  finding.cause = CauseId::reaper_busy_loop;
  finding.confidence = Confidence::certain;
  finding.summary = "The init of a dying container spins.";
  finding.culprit = Party{42, 43, "iou-wrk-42", Role::spins_in_first_loop};
  finding.victims = {{50, std::nullopt, "docker"}};
  finding.evidence = {{"e1", "/dev/kmsg", "soft lockup"},
                      {"e2", "/proc/50/stack", "synchronize_rcu_expedited"}};
  NodeRef docker = NodeKind::task;
  docker.name = "docker[50]";
  NodeRef spinner = NodeKind::task;
  spinner.name = "iou-wrk-42[43]";
  const Reason expedited = Reason::waits({"exp_funnel_lock", "synchronize_rcu_expedited"});
  finding.chain = {{docker, NodeKind::rcu_grace_period, expedited, false, {"e2"}},
                   {NodeKind::rcu_grace_period, NodeRef::cpu(1), Reason::never_schedules, true, {}},
                   {NodeRef::cpu(1), spinner, {}, false, {"e1"}}};
  finding.refuted_by = {"a context switch of 43"};
  finding.next_evidence = {"cat /proc/43/stat"};
  finding.remedies = {{"load-module", "Load the module.", "taints"}, {"reboot", "Reboot."}};
  Diagnosis diagnosis;
  diagnosis.verdict = Verdict::stuck;
  diagnosis.findings = {finding};
  return diagnosis;
}

TEST(ToText, AFindingAsItIsRead) {
  EXPECT_EQ(to_text(stuck(), host(), {.width = 72}),
            R"(STUCK  node7, Linux 5.15.160, 2 CPUs, 1 thread of 1 process (1 in D, 0
       zombies)

1. reaper-busy-loop (certain)  iou-wrk-42[43] of process 42
   The init of a dying container spins.
   culprit  iou-wrk-42[43] of process 42: spins in
            zap_pid_ns_processes()
   victims  docker[50]
   who waits for whom
     docker[50]
     -> RCU grace period: waits in exp_funnel_lock <-
        synchronize_rcu_expedited [e2]
       -> CPU 1: gets no quiescent state from kernel mode without
          schedule() (inferred)
         -> iou-wrk-42[43] [e1]
   evidence
     e1  /dev/kmsg: soft lockup
     e2  /proc/50/stack: synchronize_rcu_expedited
   what would refute this
     - a context switch of 43
   look at this next
     cat /proc/43/stat
   what to do, in this order
     1. Load the module. (risk: taints)
     2. Reboot.
)");
}

TEST(ToText, SaysInWhichContainerAndPodOnce) {
  Diagnosis diagnosis = stuck();
  Finding& finding = diagnosis.findings[0];
  EXPECT_EQ(to_text(diagnosis, host(), {}).find("   in  "), std::string::npos);
  finding.culprit->container = "0123456789abcdef";
  finding.culprit->pod = "9fa1";
  finding.victims = {*finding.culprit, *finding.culprit, {51, 51, "sh", {}, "", "77b0"}, {52, 52, "ls"}};
  const std::string text = to_text(diagnosis, host(), {});
  EXPECT_NE(text.find("\n   in       container 0123456789ab of pod 9fa1, pod 77b0\n"), std::string::npos)
      << text;
}

TEST(ToText, HealthySaysWhatWasLookedAtAndWhatStaysOpen) {
  Diagnosis healthy;
  healthy.verdict = Verdict::healthy;
  Snapshot snapshot = host();
  snapshot.problems = {{"/proc", "not permitted: stack (3 tasks)"}};
  EXPECT_EQ(
      to_text(healthy, snapshot, {}),
      "healthy: nothing is stuck. Looked at node7, Linux 5.15.160, 2 CPUs, 1 thread of 1 process (1 in D, 0\n"
      "  zombies).\n\n"
      "note: /proc: not permitted: stack (3 tasks)\n");
}

TEST(ToText, NothingUnderstoodTellsWhatCanBePasted) {
  Snapshot snapshot;
  const std::string text = to_text(Diagnosis{}, snapshot, {});
  EXPECT_NE(text.find("dmesg"), std::string::npos) << text;
  snapshot.tasks.emplace_back();
  EXPECT_EQ(to_text(Diagnosis{}, snapshot, {}).find("dmesg"), std::string::npos);
}

TEST(ToText, ForeignDataCannotReachTheTerminal) {
  Diagnosis diagnosis = stuck();
  diagnosis.findings[0].culprit->comm = "\x1b]0;x\x07";
  diagnosis.findings[0].evidence[0].text = "a\x1b[2Jb\nc";
  diagnosis.findings[0].evidence[0].source = "\x1b[31m";
  const std::string text = to_text(diagnosis, host(), {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("a\\x1b[2Jb\\x0ac"), std::string::npos) << text;
  EXPECT_NE(to_text(diagnosis, host(), {.color = true}).find("\x1b[1;31m"), std::string::npos);
}

TEST(ToText, LinesKeepTheWidth) {
  Diagnosis diagnosis = stuck();
  for (int i = 0; i < 50; ++i) diagnosis.findings[0].summary += " word" + std::to_string(i);
  const std::string text = to_text(diagnosis, host(), {.width = 60});
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    EXPECT_LE(end - at, 60U) << text.substr(at, end - at);
    at = end + 1;
  }
}

TEST(ToText, EvidenceThatTheChainCitesIsShownFirst) {
  Diagnosis diagnosis = stuck();
  for (int i = 3; i < 30; ++i)
    diagnosis.findings[0].evidence.push_back({"e" + std::to_string(i), "log", "line"});
  diagnosis.findings[0].chain[1].evidence = {"e29"};
  EXPECT_NE(to_text(diagnosis, host(), {}).find("e29 log: line"), std::string::npos);
}

TEST(ToText, OnlyVerboseShowsEverything) {
  Diagnosis diagnosis = stuck();
  for (int i = 3; i < 30; ++i)
    diagnosis.findings[0].evidence.push_back({"e" + std::to_string(i), "log", "line"});
  diagnosis.findings.push_back(diagnosis.findings[0]);
  const std::string brief = to_text(diagnosis, host(), {});
  EXPECT_EQ(brief.find("e29"), std::string::npos);
  EXPECT_NE(brief.find("24 more"), std::string::npos) << brief;
  EXPECT_LT(std::count(brief.begin(), brief.end(), '\n'), 40);
  EXPECT_NE(to_text(diagnosis, host(), {.verbose = true}).find("e29"), std::string::npos);
}

TEST(ToJson, UnknownIsNull) {
  const auto json = nlohmann::json::parse(to_json(stuck(), host()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["verdict"], "stuck");
  EXPECT_EQ(json["host"]["kernel"], "5.15.160");
  EXPECT_TRUE(json["host"]["preemption"].is_null());
  EXPECT_EQ(json["host"]["origin"], "live");
  EXPECT_EQ(json["findings"][0]["culprit"]["tid"], 43);
  EXPECT_TRUE(json["findings"][0]["victims"][0]["tid"].is_null());
  EXPECT_EQ(json["findings"][0]["chain"][0]["waits_for"],
            "RCU grace period: waits in exp_funnel_lock <- synchronize_rcu_expedited");
  Diagnosis nobody = stuck();
  nobody.findings[0].culprit.reset();
  EXPECT_TRUE(nlohmann::json::parse(to_json(nobody, host()))["findings"][0]["culprit"].is_null());
}

TEST(ToJson, ForeignBytesStayValidUtf8) {
  Diagnosis diagnosis = stuck();
  diagnosis.findings[0].culprit->comm = "caf\xe9\xff";
  const std::string text = to_json(diagnosis, host());
  EXPECT_EQ(nlohmann::json::parse(text)["findings"][0]["culprit"]["comm"], "caf\\xe9\\xff");
}

TEST(ToJson, ProblemsAreCut) {
  Snapshot snapshot = host();
  snapshot.problems.assign(1000, {"x", "y"});
  EXPECT_EQ(nlohmann::json::parse(to_json(stuck(), snapshot))["problems"].size(), 201U);
}

}  // namespace
}  // namespace unzap
