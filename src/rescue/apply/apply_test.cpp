// SPDX-License-Identifier: Apache-2.0
// What is done to a host, tried on files and processes of this test.
#include "rescue/apply/apply.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "linux/task_stat.hpp"
#include "rescue/apply/child.hpp"
#include "rescue/apply/last_look.hpp"
#include "rescue/apply/members.hpp"
#include "rescue/apply/module.hpp"
#include "rescue/apply/verify.hpp"
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

  static RescueTarget target_of(pid_t pid, const char* comm) {
    const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
    return {{pid, *parse_stat(stat->text)->start_ticks}, pid, comm};
  }

  /// A process that does not reap its child, which is dead; it sleeps until a signal ends it.
  struct Family {
    RescueTarget parent, zombie;
  };
  Family family() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t parent = ::fork();
    if (parent == 0) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(0);
      if (::write(ends[1], &child, sizeof child) < 0) ::_exit(1);
      for (;;) ::pause();
    }
    children_.push_back(parent);
    pid_t child = 0;
    EXPECT_EQ(::read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
    ::close(ends[0]);
    ::close(ends[1]);
    const Family out{target_of(parent, "parent"), target_of(child, "zombie")};
    for (int i = 0; !look_at(out.zombie.id)->dead() && i < 10000; ++i) ::usleep(1000);
    return out;
  }

  Plan plan_of(const Family& family, int signal) {
    Action action;
    action.kind = ActionKind::signal_task;
    action.target = family.parent;
    action.signal = signal;
    action.tie = Tie::parent;
    action.held = {family.zombie};
    Plan out = plan(action, family.parent);
    out.watched = {watched(family.zombie)};
    return out;
  }

  static Watched watched(const RescueTarget& target) {
    const auto now = look_at(target.id);
    Watched out{target};
    out.zombie = now && now->dead();
    if (now) out.switches = now->switches;
    return out;
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

/// Reaps a process that becomes ours when its parent ends, as the host's init would.
class Reaper {
 public:
  explicit Reaper(pid_t pid) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    thread_ = std::thread([this, pid] {
      while (!done_ && ::waitpid(pid, nullptr, WNOHANG) <= 0) ::usleep(1000);
    });
  }
  ~Reaper() {
    done_ = true;
    thread_.join();
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

TEST_F(RescueApply, EndsTheParentAndSeesTheZombieGo) {
  const Family held = family();
  const Reaper reaper(held.zombie.id.tid);
  Plan done = plan_of(held, SIGTERM);
  done.id = "plan01";
  const Applied applied = run(done);
  EXPECT_EQ(applied.outcome, Outcome::freed) << applied.why;
  const auto lines = audit_lines();
  std::vector<std::string> events, texts;
  for (const auto& line : lines) {
    events.push_back(line["event"]);
    texts.push_back(line.value("text", line.value("action", std::string())));
    EXPECT_EQ(line["plan"], "plan01");
  }
  EXPECT_EQ(events, (std::vector<std::string>{"begin", "ready", "act", "free", "rcu", "end"}));
  for (std::size_t i = 0; i + 1 < texts.size(); ++i) EXPECT_NE(texts[i], texts[i + 1]) << "noted once";
  EXPECT_NE(lines[0]["target"].get<std::string>().find(std::to_string(held.parent.id.start_ticks)),
            std::string::npos);
  EXPECT_EQ(lines.back()["outcome"], "freed");
}

TEST_F(RescueApply, SaysWhoStillStandsWhere) {
  const Family held = family();
  const Applied applied = run(plan_of(held, SIGCHLD));
  EXPECT_EQ(applied.outcome, Outcome::not_freed);
  EXPECT_NE(applied.why.find(held.zombie.label() + " (Z, parent " + std::to_string(held.parent.tgid)),
            std::string::npos)
      << applied.why;
  EXPECT_EQ(audit_lines().back()["why"], applied.why);
}

/// What may change between the plan and the act. Each is refused, and nobody is signalled.
struct Drift {
  const char* name;
  std::function<void(Plan&)> change;
  const char* says;
};

const Drift k_drifts[] = {
    {"OtherStartTime", [](Plan& p) { p.action->target->id.start_ticks += 1; }, "another task has its number"},
    {"OtherProcess", [](Plan& p) { p.action->target->tgid = ::getpid(); }, "a thread of another process"},
    {"OtherNamespace", [](Plan& p) { p.action->target->pid_ns = 1; }, "another pid namespace"},
    {"NobodyHeld", [](Plan& p) { p.action->held.clear(); }, "no task is known that it holds up"},
    {"HeldOneIsGone", [](Plan& p) { p.action->held[0].id.start_ticks += 1; }, "it is gone"},
    {"HeldOneIsOfAnother",
     [](Plan& p) {
       p.action->held[0] = {{::getpid(), p.watched[0].id.start_ticks}, ::getpid(), "me"};
       p.action->held[0].id.start_ticks = *parse_stat(read_file("/proc/self/stat", 4096)->text)->start_ticks;
     },
     "it is not a zombie"},
    {"HeldOneIsNotInTheNamespace", [](Plan& p) { p.pid_ns = 1; }, "not in the dying pid namespace"},
    {"NotTraced", [](Plan& p) { p.action->tie = Tie::tracer; }, "nobody traces it"},
    {"NobodyWatched", [](Plan& p) { p.watched.clear(); }, "ended by itself"},
    {"InitEnded",
     [](Plan& p) {
       p.watched[0].id.start_ticks += 1;
       p.reaper = p.watched[0];
     },
     "ended by itself"},
    {"InitGotOn",
     [](Plan& p) {
       p.watched[0].switches = *p.watched[0].switches + 1;
       p.reaper = p.watched[0];
     },
     "got on by itself"},
};

TEST_F(RescueApply, RefusesWhatIsNotWhatItWas) {
  for (const Drift& drift : k_drifts) {
    SCOPED_TRACE(drift.name);
    const Family held = family();
    Plan done = plan_of(held, SIGKILL);
    drift.change(done);
    const Applied applied = run(done);
    EXPECT_EQ(applied.outcome, Outcome::refused);
    EXPECT_NE(applied.why.find(drift.says), std::string::npos) << applied.why;
    EXPECT_EQ(::waitpid(held.parent.id.tid, nullptr, WNOHANG), 0) << "it must live on";
    EXPECT_EQ(audit_lines().back()["outcome"], "refused");
  }
}

TEST_F(RescueApply, RefusesATargetThatIsGone) {
  const Family held = family();
  const Plan done = plan_of(held, SIGTERM);
  ::kill(held.parent.id.tid, SIGKILL);
  ::waitpid(held.parent.id.tid, nullptr, 0);
  children_.clear();
  EXPECT_EQ(run(done).outcome, Outcome::refused);
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

TEST_F(RescueApply, WritesNothingThatThePlanDoesNotGuard) {
  std::ofstream(path("cgroup.freeze")) << "1";
  const RescueTarget target = sleeper();
  Action action;
  action.kind = ActionKind::write_file;
  action.file = path("cgroup.freeze");
  action.value = "0";
  Plan done = plan(action, target);
  done.watched = {watched(target)};
  const Applied applied = run(done);
  EXPECT_EQ(applied.outcome, Outcome::refused);
  EXPECT_NE(applied.why.find("does not say what the file has to be"), std::string::npos) << applied.why;
  EXPECT_EQ(read_file(path("cgroup.freeze"), 16)->text, "1");
}

/// What is not a place for a record. Nothing is made or written there.
struct NoRecord {
  const char* name;
  std::function<void(const std::string&)> make;
  const char* path;
  const char* says;
};

const NoRecord k_no_records[] = {
    {"Link", [](const std::string& f) { std::filesystem::create_symlink(f + "/other", f + "/a"); }, "a",
     "a link"},
    {"Pipe", [](const std::string& f) { ::mkfifo((f + "/a").c_str(), 0600); }, "a", "a pipe"},
    {"Folder", [](const std::string& f) { std::filesystem::create_directory(f + "/a"); }, "a", "a folder"},
    {"NoFolder", [](const std::string&) {}, "none/a", "there is no folder none"},
    {"EmptyName", [](const std::string&) {}, "", "a folder"},
    {"TwoNames",
     [](const std::string& f) {
       std::ofstream(f + "/b") << "";
       ::chmod((f + "/b").c_str(), 0600);
       std::filesystem::create_hard_link(f + "/b", f + "/a");
     },
     "a", "more names"},
    {"OthersWrite",
     [](const std::string& f) {
       std::ofstream(f + "/a") << "";
       ::chmod((f + "/a").c_str(), 0620);
     },
     "a", "others may write"},
    {"FolderForAll",
     [](const std::string& f) {
       std::filesystem::create_directory(f + "/open");
       ::chmod((f + "/open").c_str(), 0777);
     },
     "open/a", "others may write to the folder open"},
    {"LinkIntoAFolderForAll",
     [](const std::string& f) {
       std::filesystem::create_directory(f + "/open2");
       ::chmod((f + "/open2").c_str(), 0777);
       std::filesystem::create_symlink("open2", f + "/way");
     },
     "way/a", "others may write to the folder open2"},
    {"LinkToItself", [](const std::string& f) { std::filesystem::create_symlink("loop", f + "/loop"); },
     "loop/a", "symbolic links"},
};

TEST_F(RescueApply, KeepsNoRecordWhereOthersCouldLeadIt) {
  for (const NoRecord& row : k_no_records) {
    SCOPED_TRACE(row.name);
    const std::string folder = path(row.name);
    std::filesystem::create_directory(folder);
    row.make(folder);
    const auto audit = Audit::open(folder + "/" + row.path);
    ASSERT_FALSE(audit);
    EXPECT_NE(audit.error().text().find(row.says), std::string::npos) << audit.error().text();
    EXPECT_FALSE(std::filesystem::exists(folder + "/other"));
  }
}

TEST_F(RescueApply, KeepsNoRecordOnADevice) {
  EXPECT_FALSE(Audit::open("/dev/null"));
  EXPECT_FALSE(Audit::open("/dev/full"));
}

TEST_F(RescueApply, KeepsARecordThroughALinkOfOurs) {
  std::filesystem::create_directory(path("real"));
  std::filesystem::create_symlink("real", path("way"));
  ::umask(0);
  auto audit = Audit::open(path("way/../way/audit"));
  ::umask(022);
  ASSERT_TRUE(audit) << audit.error().text();
  EXPECT_FALSE(audit->write("begin", {{"plan", "p"}}));
  struct stat found {};
  ASSERT_EQ(::stat(path("real/audit").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
  EXPECT_GT(found.st_size, 0);
}

TEST_F(RescueApply, DoesNothingWhenTheRecordCannotBeWritten) {
  const Family held = family();
  auto audit = Audit::open(path("audit"));
  ASSERT_TRUE(audit);
  rlimit old{}, none{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  none = old;
  none.rlim_cur = 0;
  ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &none);
  const auto applied = apply(plan_of(held, SIGKILL), Means{}, {}, *audit);
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(applied);
  EXPECT_NE(applied.error().text().find("cannot keep a record"), std::string::npos);
  EXPECT_EQ(::waitpid(held.parent.id.tid, nullptr, WNOHANG), 0) << "it must live on";
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

RescueTarget self() {
  const auto stat = read_file("/proc/self/stat", 4096);
  return {{::getpid(), *parse_stat(stat->text)->start_ticks}, ::getpid(), "self"};
}

TEST(Verify, ATaskThatWaitsMustGetOnAnExitingOneMustGo) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const std::uint64_t switches = look_at(self().id)->switches;
  EXPECT_EQ(not_yet_free({{self(), true, false, switches + 1}}).size(), 1U) << "exiting, and still there";
  EXPECT_TRUE(not_yet_free({{self(), false, false, switches + 1000000}}).empty()) << "it has switched since";
}

TEST(Verify, AZombieMustBeReapedAndOneThatLivedMustDie) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto stat = read_file("/proc/" + std::to_string(child) + "/stat", 4096);
  const RescueTarget target{{child, *parse_stat(stat->text)->start_ticks}, child, "z"};
  EXPECT_EQ(look_at(target.id)->state, 'Z');
  EXPECT_TRUE(not_yet_free({{target, true, false, 0}}).empty()) << "it has died since";
  EXPECT_EQ(not_yet_free({{target, true, true, 0}}).size(), 1U) << "it was dead, and is not reaped";
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(look_at(target.id).absence() != nullptr && *look_at(target.id).absence() == Absence::gone);
  EXPECT_TRUE(not_yet_free({{target, true, true, 0}}).empty());
}

TEST(Members, FindsWhoIsInANamespaceAndSaysWhenNobodyIs) {
  const auto chain = pid_ns_chain_of(::getpid(), 5);
  if (!chain) GTEST_SKIP() << "the pid namespace of this process cannot be read";
  const Members all = members_of(chain->front(), 20);
  EXPECT_FALSE(all.found.empty());
  const Members none = members_of(1, 20);
  EXPECT_TRUE(none.found.empty());
}

}  // namespace
}  // namespace unzap
