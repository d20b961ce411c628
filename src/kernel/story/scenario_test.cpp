// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario.hpp"

#include <gtest/gtest.h>

namespace unzap::kernel {
namespace {

/// A text that is not a scenario, and what is said of it.
struct Wrong {
  const char* what;
  const char* text;  ///< after the line with its name
  const char* place;
  const char* message;  ///< must be part of the message
  const char* remedy;   ///< must be part of the remedy
};

const Wrong k_wrong[] = {
    {"unknown key at the top", "colour = 1\n", "s.toml:2:1", "unknown key `colour`",
     "allowed: name, summary, story, machine, container, process, outside, environment, expect"},
    {"misspelt key", "[machine]\ncpu = 2\n", "s.toml:3:1", "unknown key `cpu` in [machine]",
     "did you mean `cpus`?"},
    {"misspelt key of a process", "[[process]]\nname = \"a\"\nparents = \"a\"\n", "s.toml:4:1",
     "unknown key `parents` in [[process]]", "did you mean `parent`?"},
    {"unknown key of the ring", "[[process]]\nname = \"a\"\nio_uring = { foo = 2 }\n", "s.toml:4:14",
     "unknown key `foo` in `io_uring`", "armed"},
    {"text too long", "[[process]]\nname = \"sixteen letters!\"\n", "s.toml:3:8", "`name` must be a string",
     "at most 15 bytes"},
    {"text instead of number", "[machine]\ncpus = \"2\"\n", "s.toml:3:8", "`cpus` must be a whole number",
     "allowed: 1 to 4"},
    {"fraction", "[machine]\ncpus = 2.0\n", "s.toml:3:8", "must be a whole number", "1 to 4"},
    {"no CPU", "[machine]\ncpus = 0\n", "s.toml:3:8", "`cpus`", "allowed: 1 to 4"},
    {"too many CPUs", "[machine]\ncpus = 5\n", "s.toml:3:8", "`cpus`", "allowed: 1 to 4"},
    {"negative", "[environment]\nlivepatches = -1\n", "s.toml:3:15", "livepatches", "allowed: 0 to 3"},
    {"number instead of truth", "[machine]\nbalance = 1\n", "s.toml:3:11", "`balance` must be true or false",
     "allowed: true, false"},
    {"wrong ending", "[[process]]\nname = \"a\"\nends = \"abort\"\n", "s.toml:4:8",
     "`ends` cannot be `abort`", "allowed: exit_group, exit, sigkill, core_dump, none"},
    {"ending of the wrong type", "[[process]]\nname = \"a\"\nends = 1\n", "s.toml:4:8",
     "`ends` must be a string", "allowed: exit_group"},
    {"SIGKILL to a thread", "[[process]]\nname = \"a\"\nthreads = [{ name = \"b\", ends = \"sigkill\" }]\n",
     "s.toml:4:33", "`ends` cannot be `sigkill`", "allowed: exit_group, exit, core_dump, none"},
    {"thread that is a string", "[[process]]\nname = \"a\"\nthreads = [\"b\"]\n", "s.toml:4:12",
     "a thread must be a table", "{ name = "},
    {"workers that are not a list", "[[process]]\nname = \"a\"\nio_uring = { workers = 2 }\n", "s.toml:4:24",
     "`workers` must be a list", "[\"idle\", \"reading\"]"},
    {"wrong worker", "[[process]]\nname = \"a\"\nio_uring = { workers = [\"idle\", \"busy\"] }\n",
     "s.toml:4:33", "`workers` cannot be `busy`",
     "allowed: idle, created, reading, about-to-read, dumping, writing"},
    {"a process that is a table", "[process]\nname = \"a\"\n", "s.toml:2:1",
     "`process` must be a list of tables", "write [[process]]"},
    {"expect that is a table", "[expect]\nkernel = \"v6.1.192\"\n", "s.toml:2:1",
     "`expect` must be a list of tables", "write [[expect]]"},
    {"wrong kernel", "[[expect]]\nkernel = \"v4\"\nverdict = \"proved\"\n", "s.toml:3:10",
     "`kernel` cannot be `v4`", "v5.15.160"},
    {"wrong verdict", "[[expect]]\nkernel = \"v6.1.192\"\nverdict = \"fine\"\n", "s.toml:4:11",
     "`verdict` cannot be `fine`", "allowed: lockup, busy-wait, proved"},
    {"expect without verdict", "[[expect]]\nkernel = \"v6.1.192\"\n", "s.toml:2:1",
     "needs `kernel` and `verdict`", ""},
    {"unknown switch", "[[expect]]\nkernel = \"v6.1.192\"\nwith = [\"fix\"]\nverdict = \"proved\"\n",
     "s.toml:4:9", "fix", "fix-2024"},
    {"no process", "[machine]\ncpus = 2\n", "s.toml:1:1", "there is no process", "[[process]]"},
    {"a process without a name", "[[process]]\nends = \"exit\"\n", "s.toml:2:1", "needs a `name`", "name = "},
    {"a name twice", "[[process]]\nname = \"a\"\n[[process]]\nname = \"a\"\n", "s.toml:5:8",
     "a second process named `a`", "choose another"},
    {"the reserved name", "[[process]]\nname = \"outside\"\n", "s.toml:3:8", "outside the containers",
     "choose another"},
    {"a parent that does not exist",
     "[[process]]\nname = \"boss\"\n[[process]]\nname = \"b\"\nparent = \"bos\"\n", "s.toml:6:10",
     "`parent` names nobody: `bos`", "did you mean `boss`?"},
    {"a thread that does not exist",
     "[[process]]\nname = \"a\"\nthreads = [{ name = \"t1\" }]\nio_uring = { thread = \"t2\" }\n",
     "s.toml:5:23", "`thread` names nobody: `t2`", "t1"},
    {"a container that nobody is in", "[[process]]\nname = \"a\"\n[[container]]\nname = \"web\"\n",
     "s.toml:4:1", "`name` names nobody: `web`", ""},
    {"a container twice",
     "[[process]]\nname = \"a\"\ncontainer = \"web\"\n[[container]]\nname = \"web\"\n[[container]]\nname = "
     "\"web\"\n",
     "s.toml:7:1", "a second [[container]] of this name", "change `name`"},
    {"a character that is not seen", "[[process]]\nname = \"a\\u0007\"\n", "s.toml:3:8", "not seen",
     "visible"},
};

TEST(ScenarioParsing, WhatIsWrongInAFileIsNamedWithPlaceAndAllowedValues) {
  for (const Wrong& wrong : k_wrong) {
    SCOPED_TRACE(wrong.what);
    const auto scenario = parse_scenario(std::string("name = \"a\"\n") + wrong.text, "s.toml");
    if (scenario) {
      ADD_FAILURE() << "was taken for a scenario";
      continue;
    }
    const Error& error = scenario.error();
    EXPECT_EQ(error.kind, ErrorKind::bad_data);
    EXPECT_EQ(error.place.substr(0, std::string_view(wrong.place).size()), wrong.place);
    EXPECT_NE(error.message.find(wrong.message), std::string::npos) << error.message;
    EXPECT_NE(error.remedy.find(wrong.remedy), std::string::npos) << error.remedy;
  }
}

TEST(ScenarioParsing, TheFirstThingThatIsWrongIsNamed) {
  const auto scenario = parse_scenario("name = 1\nsummary = 2\n", "s.toml");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().place, "s.toml:1:8");
  EXPECT_EQ(scenario.error().message, "`name` must be a string");
}

TEST(ScenarioParsing, WhatIsNotTomlIsNamedWithItsPlace) {
  EXPECT_EQ(parse_scenario("name = \"a\"\n[machine\n", "s.toml").error().remedy, "the file must be TOML");
  EXPECT_FALSE(parse_scenario("name = \"a\"\n [ = 1\n", "s.toml"));
}

TEST(ScenarioParsing, EveryKeyArrives) {
  const auto s = parse_scenario(R"(
name = "all"
summary = "one line"
story = "more"
[machine]
cpus = 3
balance = false
[[process]]
name = "boss"
ends = "sigkill"
threads = [{ name = "second" }, { name = "third", ends = "exit" }]
[process.io_uring]
thread = "second"
workers = ["idle", "reading", "about-to-read"]
bounded = 1
unbounded = 2
armed = true
shared_outside = true
[[process]]
name = "kid"
parent = "boss"
frozen = "v2"
traced = true
subreaper = true
fuse_file = true
fuse_dev = true
io_uring = { sqpoll = true, io_wq = false }
[[process]]
name = "exec"
parent = "outside"
starts = "zombie"
[[process]]
name = "dockerd"
container = "around"
[[container]]
inside = "around"
outside_holders = 4
[outside]
name = "agent"
does = "synchronize_rcu_tasks"
reaps = false
subreaper = true
reaps_orphans = false
[environment]
cgroup_migrations = 3
idle_timeouts = false
[[expect]]
kernel = "v5.15.160"
preempt = "full"
verdict = "busy-wait"
)",
                                "s.toml");
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(s->name + s->summary + s->story, "allone linemore");
  EXPECT_EQ(s->cpus, 3);
  EXPECT_FALSE(s->balance);
  ASSERT_EQ(s->processes.size(), 4U);
  const ProcessSpec& boss = s->processes[0];
  EXPECT_EQ(boss.name, "boss");
  EXPECT_EQ(boss.ends, Ending::sigkill);
  ASSERT_EQ(boss.threads.size(), 2U);
  EXPECT_EQ(boss.threads[1].name, "third");
  EXPECT_EQ(boss.threads[1].ends, Ending::exit);
  ASSERT_TRUE(boss.ring);
  EXPECT_TRUE(boss.ring->armed && boss.ring->shared_outside && boss.ring->io_wq);
  EXPECT_EQ(boss.ring->thread, "second");
  EXPECT_EQ(boss.ring->workers,
            (std::vector{WorkerStart::idle, WorkerStart::reading, WorkerStart::about_to_read}));
  EXPECT_EQ(boss.ring->bounded, 1);
  EXPECT_EQ(boss.ring->unbounded, 2);
  const ProcessSpec& kid = s->processes[1];
  EXPECT_EQ(kid.parent, 0U);
  EXPECT_EQ(kid.frozen, Freezer::v2);
  EXPECT_TRUE(kid.traced && kid.subreaper && kid.fuse_file && kid.fuse_dev);
  ASSERT_TRUE(kid.ring);
  EXPECT_TRUE(kid.ring->sqpoll && !kid.ring->io_wq);
  EXPECT_EQ(s->processes[2].parent, k_by_outside);
  EXPECT_EQ(s->processes[2].starts, ProcessStart::zombie);
  ASSERT_EQ(s->containers.size(), 2U);
  EXPECT_EQ(s->processes[3].container, 1U);
  EXPECT_EQ(s->containers[0].inside, 1U);
  EXPECT_EQ(s->containers[0].outside_holders, 4);
  EXPECT_EQ(s->outside.name, "agent");
  EXPECT_EQ(s->outside.act, OutsideAct::rcu_tasks);
  EXPECT_TRUE(s->outside.subreaper && !s->outside.reaps && !s->outside.reaps_orphans);
  EXPECT_EQ(s->environment.cgroup_migrations, 3);
  EXPECT_FALSE(s->environment.idle_timeouts);
  ASSERT_EQ(s->expectations.size(), 1U);
  EXPECT_EQ(s->expectations[0].kernel, "v5.15.160");
  EXPECT_EQ(s->expectations[0].preempt, "full");
  EXPECT_EQ(s->expectations[0].verdict, "busy-wait");
  EXPECT_TRUE(s->hints.empty());
}

TEST(ScenarioParsing, WhatIsLeftOutHasItsDefault) {
  const auto s =
      parse_scenario("name = \"a\"\n[[process]]\nname = \"init\"\n[[process]]\nname = \"child\"\n", "s.toml");
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(s->cpus, 2);
  EXPECT_TRUE(s->balance);
  EXPECT_TRUE(s->environment.idle_timeouts);
  EXPECT_EQ(s->processes[0].ends, Ending::exit_group) << "an init ends, or there is no story";
  EXPECT_EQ(s->processes[1].ends, Ending::none);
  EXPECT_EQ(s->processes[1].parent, k_by_default);
  EXPECT_FALSE(s->processes[0].ring);
}

TEST(ScenarioParsing, ContainersStandInTheOrderInWhichProcessesNameThem) {
  const auto s = parse_scenario(
      "name = \"a\"\n[[container]]\nname = \"y\"\ncount = 2\n[[process]]\nname = \"b\"\ncontainer = \"x\"\n"
      "[[process]]\nname = \"c\"\ncontainer = \"y\"\n[[process]]\nname = \"d\"\ncontainer = \"x\"\n",
      "s.toml");
  ASSERT_TRUE(s) << s.error().text();
  ASSERT_EQ(s->containers.size(), 2U);
  EXPECT_EQ(s->containers[0].name, "x");
  EXPECT_EQ(s->containers[1].count, 2);
  EXPECT_EQ(s->init_of(0), 0U);
  EXPECT_EQ(s->init_of(1), 1U);
  EXPECT_EQ(s->processes[2].container, 0U);
}

TEST(ScenarioParsing, AMissingFileIsNoInput) {
  const auto scenario = load_scenario("/nonexistent/s.toml");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().kind, ErrorKind::no_input);
}

TEST(ScenarioParsing, ControlCharactersOfAKeyDoNotReachTheTerminal) {
  const auto scenario = parse_scenario("name = \"a\"\n\"\\u001b[31m\" = 1\n", "s.toml");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace unzap::kernel
