// SPDX-License-Identifier: Apache-2.0
// A file of the old form is the same scenario as the one in scenarios/: same tasks, same first state.
#include <gtest/gtest.h>

#include <cstring>

#include "kernel/machine/machine.hpp"
#include "kernel/story/scenario.hpp"

namespace unzap::kernel {
namespace {

struct Old {
  const char* name;  ///< of the scenario that says the same in the form of today
  const char* cast;
};

const Old k_old[] = {
    {"armed-poll", R"(
[machine]
cpus = 2
[init]
comm = "repro"
ending = "exit_group"
[init.io_uring]
armed_request = true
[child]
comm = "pause"
)"},
    {"coredump-sqpoll", R"(
[machine]
cpus = 2
[init]
comm = "init"
ending = "sigkill"
[init.io_uring]
sqpoll = true
workers = ["dumping"]
[environment]
idle_timeouts = false
)"},
    {"fork-race", R"(
[init]
comm = "init"
[injected]
comm = "exec"
state = "sleeps"
[outside]
comm = "nsenter"
does = "fork"
)"},
    {"frozen-v2", R"(
[init]
comm = "init"
[child]
comm = "worker"
frozen = "v2"
[environment]
livepatches = 1
)"},
    {"fuse-self", R"(
[init]
comm = "init"
[child]
comm = "client"
fuse = true
fuse_server = true
)"},
    {"hash-held-elsewhere", R"(
[machine]
cpus = 2
[init]
comm = "init"
[init.io_uring]
workers = ["idle"]
hashed = 1
hash_held_outside = true
[child]
comm = "sleep"
[environment]
hash_release = true
idle_timeouts = false
)"},
    {"injected-reaped", R"(
[init]
comm = "init"
[injected]
comm = "exec"
state = "sleeps"
[outside]
comm = "shim"
reaps = true
)"},
    {"n-containers", R"(
[machine]
cpus = 2
[init]
comm = "repro"
ending = "exit_group"
[init.io_uring]
armed_request = true
[child]
comm = "sleep"
[bystander]
count = 2
comm = "nginx"
)"},
    {"nested-twice", R"(
[machine]
cpus = 1
[init]
comm = "repro"
[init.io_uring]
armed_request = true
[child]
comm = "sleep"
[bystander]
comm = "dockerd"
count = 2
nested = true
)"},
    {"npm-zombie", R"(
[machine]
cpus = 2
[init]
comm = "npm start"
ending = "exit_group"
[init.io_uring]
workers = ["idle"]
[child]
comm = "npm run zombie"
[environment]
idle_timeouts = false
)"},
    {"sqpoll-child", R"(
[machine]
cpus = 2
[init]
comm = "npm start"
ending = "exit_group"
[init.io_uring]
workers = ["idle"]
[child]
comm = "npm run zombie"
sqpoll = true
[environment]
idle_timeouts = false
)"},
    {"subreaper", R"(
[machine]
cpus = 2
[init]
comm = "init"
[injected]
comm = "exec"
child = "orphan"
[outside]
comm = "shim"
subreaper = true
reaps_orphans = false
)"},
    {"subreaper-frozen", R"(
[init]
comm = "init"
[child]
comm = "manager"
subreaper = true
frozen = "v1"
child = "sh"
orphan = "sleep"
)"},
    {"traced-released", R"(
[init]
comm = "init"
[child]
comm = "worker"
traced = true
[environment]
tracer_detaches = true
)"},
};

Result<Scenario> parse(const std::string& text) {
  return parse_scenario("name = \"old\"\n" + text, "old.toml");
}

void expect_same(const Scenario& old, const Scenario& now) {
  const Variant kernel = find_kernel("v6.1.192")->variant;
  const Machine a(old, kernel, Preempt::none), b(now, kernel, Preempt::none);
  EXPECT_EQ(a.config().tasks, b.config().tasks);
  EXPECT_EQ(a.config().processes, b.config().processes);
  EXPECT_EQ(a.config().wqs, b.config().wqs);
  EXPECT_EQ(a.config().containers, b.config().containers);
  EXPECT_EQ(a.config().outside, b.config().outside);
  EXPECT_EQ(a.config().forked, b.config().forked);
  const State first = a.initial(), second = b.initial();
  EXPECT_EQ(std::memcmp(&first, &second, sizeof(State)), 0);
  EXPECT_EQ(old.cpus, now.cpus);
  EXPECT_EQ(old.outside.act, now.outside.act);
  EXPECT_EQ(old.outside.subreaper, now.outside.subreaper);
  EXPECT_EQ(old.outside.reaps, now.outside.reaps);
  EXPECT_EQ(old.outside.reaps_orphans, now.outside.reaps_orphans);
  EXPECT_EQ(old.environment.tracer_detaches, now.environment.tracer_detaches);
  EXPECT_EQ(old.environment.thaws, now.environment.thaws);
  EXPECT_EQ(old.environment.hash_release, now.environment.hash_release);
  EXPECT_EQ(old.environment.idle_timeouts, now.environment.idle_timeouts);
}

TEST(OldScenario, SaysTheSameAsOneOfToday) {
  for (const Old& row : k_old) {
    SCOPED_TRACE(row.name);
    const auto old = parse(row.cast);
    const auto now = load_scenario(std::string(UNZAP_SOURCE_DIR "/scenarios/") + row.name + ".toml");
    ASSERT_TRUE(old) << old.error().text();
    ASSERT_TRUE(now) << now.error().text();
    expect_same(*old, *now);
    EXPECT_FALSE(old->hints.empty());
    EXPECT_TRUE(now->hints.empty());
  }
}

TEST(OldScenario, EachOldKeyHasAHintWithItsPlaceAndWhatToWrite) {
  const auto s = parse(
      "[init]\ncomm = \"a\"\n[injected]\n[outside]\ncomm = \"b\"\n[environment]\noutside_holders = 2\n");
  ASSERT_TRUE(s) << s.error().text();
  ASSERT_EQ(s->hints.size(), 4U);
  EXPECT_EQ(s->hints[0].substr(0, 19), "old.toml:2:1: [init");
  EXPECT_NE(s->hints[0].find("[[process]]"), std::string::npos);
  EXPECT_NE(s->hints[1].find("`parent = \"outside\"`"), std::string::npos);
  EXPECT_EQ(s->hints[2].substr(0, 13), "old.toml:6:8:");
  EXPECT_NE(s->hints[3].find("[[container]]"), std::string::npos);
  EXPECT_EQ(s->outside.name, "b");
  EXPECT_EQ(s->containers[0].outside_holders, 2);
}

TEST(OldScenario, SeveralAlikeAndAThreadThatOwnsTheRing) {
  const auto s =
      parse("[init.io_uring]\nin_thread = true\nworkers = [\"idle\"]\n[containers]\nlike_this = 2\n");
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(s->containers[0].count, 2);
  EXPECT_EQ(s->processes[0].name, "init");
  EXPECT_EQ(s->processes[0].ring->thread, "init/2");
}

TEST(OldScenario, TablesOfBothFormsDoNotMix) {
  const auto s = parse("[[process]]\nname = \"a\"\n[child]\n");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().place, "old.toml:2:1");
  EXPECT_NE(s.error().message.find("next to tables of the old form"), std::string::npos);
}

TEST(OldScenario, WhatWasRefusedStillIs) {
  EXPECT_EQ(parse("[init]\nending = \"abort\"\n").error().place, "old.toml:3:10");
  EXPECT_EQ(parse("[child]\norphan = \"b\"\n").error().message, "an `orphan` needs a parent to lose");
  EXPECT_EQ(parse("[bystander]\nworkers = 2\n").error().message, "unknown key `workers` in [bystander]");
  EXPECT_FALSE(parse("[injected]\nstate = \"zombie\"\nchild = \"b\"\n"));
  EXPECT_EQ(parse("[init.io_uring]\nchain = 2\n").error().remedy, "add one to `workers`");
}

}  // namespace
}  // namespace unzap::kernel
