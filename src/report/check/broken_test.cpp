// SPDX-License-Identifier: Apache-2.0
// What is said of a model that breaks one of its invariants. No step of the model does; these begin in a
// state that leads there.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "check/judge.hpp"
#include "check/replay.hpp"
#include "kernel/linux/mount_namespace.hpp"
#include "report/check/check_report.hpp"
#include "report/trace/trace_file.hpp"
#include "report/trace/trace_read.hpp"
#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

using kernel::Machine;
using kernel::Routine;

CheckRequest request_for(const char* scenario) {
  const auto loaded = kernel::load_scenario(std::string(UNZAP_SOURCE_DIR "/scenarios/") + scenario);
  EXPECT_TRUE(loaded) << loaded.error().text();
  CheckRequest request{*loaded, "v5.15.160", kernel::find_kernel("v5.15.160")->variant};
  request.limits.invariants = true;
  return request;
}

kernel::TaskNo child_of_init(const kernel::Config& config) {
  for (const kernel::ProcessInfo& process : config.processes)
    if (process.parent == config.containers.front().leader) return process.leader;
  ADD_FAILURE() << "init has no child";
  return 0;
}

/// A machine whose child is about to call its mount namespace gone, which everybody still holds.
Machine machine_that_breaks(const CheckRequest& request) {
  const Machine machine(request.scenario, request.variant, request.preempt);
  kernel::State s = machine.initial();
  kernel::Task& child = s.tasks[child_of_init(machine.config())];
  child.stack = {};
  child.stack[0] = {Routine::exit_to_user_mode, 0};
  child.stack[1] = kernel::frame_of(kernel::NamespaceUnlock::mntput);
  child.depth = 2;
  child.run_state = kernel::RunState::running;
  child.flags |= kernel::k_on_rq;
  return machine.started_at(s);
}

CheckReport broken_report(const CheckRequest& request) {
  const Machine machine = machine_that_breaks(request);
  const Ordered ordered(machine, true);
  CheckReport report{.asked = request};
  if (request.symmetry && request.partial_order)
    judge(explorer::Symmetric(ordered), request, {}, report);
  else if (request.symmetry)
    judge(explorer::Symmetric(machine), request, {}, report);
  else
    judge(machine, request, {}, report);
  return report;
}

TEST(Broken, IsAVerdictOfItsOwnWithTheShortestWay) {
  CheckRequest request = request_for("npm-zombie.toml");
  for (const bool reduced : {false, true}) {
    request.symmetry = request.partial_order = reduced;
    const CheckReport report = broken_report(request);
    EXPECT_EQ(report.verdict, CheckVerdict::broken);
    EXPECT_EQ(exit_code(report.verdict), 70);
    ASSERT_TRUE(report.counterexample && report.counterexample->broken);
    const Counterexample& way = *report.counterexample;
    EXPECT_EQ(way.broken->name, "mnt_ns_refs");
    EXPECT_TRUE(way.replayed);
    ASSERT_EQ(way.stem.size(), 2U) << "it is picked, and takes one step";
    const TraceView view(report);
    EXPECT_EQ(view[1].function, "namespace_unlock");
    EXPECT_TRUE(way.loop.empty());
    EXPECT_FALSE(way.trap);
  }
}

TEST(Broken, IsNotLookedForUnlessAskedFor) {
  CheckRequest request = request_for("npm-zombie.toml");
  request.limits.invariants = false;
  EXPECT_NE(broken_report(request).verdict, CheckVerdict::broken);
}

TEST(Broken, TextAndJsonNameTheInvariant) {
  const CheckReport report = broken_report(request_for("npm-zombie.toml"));
  const std::string text = check_to_text(report, {.width = 100});
  EXPECT_EQ(text.rfind("BROKEN  npm-zombie: ", 0), 0U) << text;
  EXPECT_NE(text.find("mnt_ns_refs"), std::string::npos) << text;
  EXPECT_NE(text.find(report.counterexample->broken->says), std::string::npos) << text;
  const auto json = nlohmann::json::parse(check_to_json(report));
  EXPECT_EQ(json["verdict"], "broken");
  EXPECT_EQ(json["broken"]["invariant"], "mnt_ns_refs");
  EXPECT_EQ(json["broken"]["page"], "docs/kernel-facts/mount_namespace.md");
  EXPECT_EQ(json["trace"].size(), 2U);
  EXPECT_TRUE(json["trap"].is_null());
}

/// What check --trace would write of a lockup of that request, read again.
RecordedTrace recorded(const CheckRequest& request) {
  const auto trace = trace_from_json((*trace_format_of("t.json"))->render(check(request)), "test");
  EXPECT_TRUE(trace) << trace.error().text();
  return *trace;
}

TEST(Broken, ATraceOfItIsWrittenAndReadAgain) {
  const CheckReport report = broken_report(request_for("npm-zombie.toml"));
  const auto trace = trace_from_json((*trace_format_of("t.json"))->render(report), "test");
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_EQ(trace->invariant, kernel::find_invariant("mnt_ns_refs"));
  EXPECT_EQ(trace->steps.size(), 2U);
}

TEST(Broken, ATraceThatClaimsItAndDoesNotDoItIsFoundOut) {
  const CheckRequest request = request_for("npm-zombie.toml");
  RecordedTrace trace = recorded(request);
  EXPECT_EQ(replay_trace(trace, request, 100'000).fit, Fit::fits);
  trace.invariant = kernel::find_invariant("worker_refs");
  ASSERT_TRUE(trace.invariant);
  trace.trap.reset();
  const ReplayReport report = replay_trace(trace, request, 100'000);
  EXPECT_EQ(report.fit, Fit::holds);
  EXPECT_EQ(report.broken, nullptr);
}

}  // namespace
}  // namespace unzap
