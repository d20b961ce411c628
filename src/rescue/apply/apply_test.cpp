// SPDX-License-Identifier: Apache-2.0
// What is done to a host, tried on files and processes of this test.
#include "rescue/apply/apply.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "rescue/apply/child.hpp"
#include "rescue/apply/module.hpp"
#include "rescue/apply/verify.hpp"
#include "sources/procfs/parse.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

class RescueApply : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
    std::string name = (std::filesystem::temp_directory_path() / "unzap-apply-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  /// A process that sleeps until a signal ends it.
  RescueTarget sleeper() {
    const pid_t child = ::fork();
    if (child == 0)
      for (;;) ::pause();
    children_.push_back(child);
    const auto stat = [child] { return read_file("/proc/" + std::to_string(child) + "/stat", 4096)->text; };
    for (int i = 0; parse_stat(stat())->state != 'S' && i < 10000; ++i) ::usleep(1000);
    return {{child, *parse_stat(stat())->start_ticks}, child, "sleeper"};
  }

  Plan plan(Action action, const RescueTarget& target) {
    Plan plan;
    plan.cause = "traced-member";
    plan.culprit = target;
    plan.conditions = {{"it is a test", Condition::Met::yes, ""}};
    action.text = "what the test does";
    plan.action = std::move(action);
    return plan;
  }

  Applied run(const Plan& plan) {
    auto audit = Audit::open(path("audit"));
    EXPECT_TRUE(audit);
    ApplyOptions options;
    options.verify_seconds = 0.2;
    auto applied = apply(plan, Means{}, options, *audit);
    EXPECT_TRUE(applied) << applied.error().text();
    return *applied;
  }

  std::vector<nlohmann::json> audit_lines() const {
    std::vector<nlohmann::json> out;
    std::ifstream in(path("audit"));
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  std::string folder_;
  std::vector<pid_t> children_;
};

Action signal_action(const RescueTarget& target) {
  Action action;
  action.kind = ActionKind::signal_task;
  action.target = target;
  action.signal = SIGTERM;
  return action;
}

TEST_F(RescueApply, SignalsTheTargetAndSeesItGo) {
  const RescueTarget target = sleeper();
  Plan done = plan(signal_action(target), target);
  done.watched = {target};
  const Applied applied = run(done);
  EXPECT_EQ(applied.outcome, Outcome::freed) << applied.why;
  const auto lines = audit_lines();
  ASSERT_GE(lines.size(), 3U);
  EXPECT_EQ(lines.front()["event"], "begin");
  EXPECT_EQ(lines[1]["event"], "act");
  EXPECT_EQ(lines[1]["start_ticks"], std::to_string(target.id.start_ticks));
  EXPECT_EQ(lines.back()["outcome"], "freed");
}

TEST_F(RescueApply, RefusesATargetWithAnotherStartTime) {
  RescueTarget target = sleeper();
  target.id.start_ticks += 1;
  const Applied applied = run(plan(signal_action(target), target));
  EXPECT_EQ(applied.outcome, Outcome::refused);
  EXPECT_EQ(::kill(target.id.tid, 0), 0) << "it must live on";
  EXPECT_EQ(::waitpid(target.id.tid, nullptr, WNOHANG), 0);
}

TEST_F(RescueApply, RefusesATargetThatIsGone) {
  const RescueTarget target = sleeper();
  ::kill(target.id.tid, SIGKILL);
  ::waitpid(target.id.tid, nullptr, 0);
  children_.clear();
  EXPECT_EQ(run(plan(signal_action(target), target)).outcome, Outcome::refused);
}

TEST_F(RescueApply, RefusesToHandALiveTaskToTheModule) {
  const RescueTarget target = sleeper();
  Action action;
  action.kind = ActionKind::clear_notify_signal;
  action.target = target;
  Means means;
  means.module = path("no-such-module.ko");
  auto audit = Audit::open(path("audit"));
  ASSERT_TRUE(audit);
  const auto applied = apply(plan(action, target), means, {}, *audit);
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->outcome, Outcome::refused);
  EXPECT_NE(applied->why.find("is not exiting"), std::string::npos) << applied->why;
}

TEST_F(RescueApply, WritesTheFileAndSaysWhoIsStillThere) {
  std::ofstream(path("cgroup.freeze")) << "1";
  const RescueTarget target = sleeper();
  Action action;
  action.kind = ActionKind::write_file;
  action.file = path("cgroup.freeze");
  action.value = "0";
  Plan done = plan(action, target);
  done.watched = {target};
  const Applied applied = run(done);
  EXPECT_EQ(applied.outcome, Outcome::not_freed);
  EXPECT_NE(applied.why.find("sleeper"), std::string::npos) << applied.why;
  std::stringstream text;
  text << std::ifstream(path("cgroup.freeze")).rdbuf();
  EXPECT_EQ(text.str(), "0");
}

TEST_F(RescueApply, DoesNotWriteThroughALink) {
  std::ofstream(path("other")) << "1";
  std::filesystem::create_symlink(path("other"), path("link"));
  Action action;
  action.kind = ActionKind::write_file;
  action.file = path("link");
  action.value = "0";
  auto audit = Audit::open(path("audit"));
  ASSERT_TRUE(audit);
  EXPECT_FALSE(apply(plan(action, sleeper()), Means{}, {}, *audit));
}

TEST_F(RescueApply, KeepsNoRecordThroughALink) {
  std::filesystem::create_symlink(path("other"), path("audit"));
  EXPECT_FALSE(Audit::open(path("audit")));
}

TEST_F(RescueApply, SaysWhyAModuleCannotBeBuilt) {
  const auto built = ModuleFile::build({{"unzap_rescue.c", "#error no\n"}}, path("no-headers"));
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().place, path("no-headers"));
}

TEST(InChild, GivesUpOnAChildThatDoesNotComeBack) {
  EXPECT_EQ(in_child(10, [] { return 7; }), 7);
  EXPECT_FALSE(in_child(0.05, [] {
    for (;;) ::pause();
    return 0;
  }));
}

TEST(Verify, ATaskThatWaitsMustGetOnAnExitingOneMustGo) {
  const auto stat = read_file("/proc/self/stat", 4096);
  const RescueTarget self{{::getpid(), *parse_stat(stat->text)->start_ticks}, ::getpid(), "self"};
  const std::uint64_t switches = look_at(self.id)->switches;
  EXPECT_EQ(not_yet_free({{self, true, switches + 1}}).size(), 1U) << "exiting, and still there";
  EXPECT_TRUE(not_yet_free({{self, false, switches + 1000000}}).empty()) << "it has switched since";
}

TEST(Verify, AZombieThatOnlyWaitsForItsParentIsGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto stat = read_file("/proc/" + std::to_string(child) + "/stat", 4096);
  const RescueTarget target{{child, *parse_stat(stat->text)->start_ticks}, child, "z"};
  EXPECT_EQ(look_at(target.id)->state, 'Z');
  EXPECT_TRUE(not_yet_free({{target, true, 0}}).empty());
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(look_at(target.id));
}

}  // namespace
}  // namespace unzap
