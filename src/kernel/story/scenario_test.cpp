// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario.hpp"

#include <gtest/gtest.h>

namespace unzap::kernel {
namespace {

/// A text that is no scenario, and what is said of it.
struct Wrong {
  const char* what;
  const char* text;
  const char* place;
  const char* message;  ///< must be part of the message
  const char* remedy;   ///< must be part of the remedy
};

const Wrong k_wrong[] = {
    {"unknown key at the top", "name = \"a\"\ncolour = 1\n", "s.toml:2:1", "unknown key `colour`",
     "allowed: name, summary, story, machine, containers, bystander, init, child, injected, outside, "
     "environment, expect"},
    {"misspelt key", "name = \"a\"\n[machine]\ncpu = 2\n", "s.toml:3:1", "unknown key `cpu` in [machine]",
     "did you mean `cpus`?"},
    {"unknown key of the ring", "name = \"a\"\n[init.io_uring]\nfoo = 2\n", "s.toml:3:1",
     "in [init.io_uring]", "armed_request"},
    {"number instead of text", "name = 7\n", "s.toml:1:8", "`name` must be a text", "64 bytes"},
    {"text too long", "name = \"a\"\n[init]\ncomm = \"sixteen letters!\"\n", "s.toml:3:8",
     "`comm` must be a text", "at most 15 bytes"},
    {"text instead of number", "name = \"a\"\n[machine]\ncpus = \"2\"\n", "s.toml:3:8",
     "`cpus` must be a whole number", "allowed: 1 to 4"},
    {"fraction", "name = \"a\"\n[machine]\ncpus = 2.0\n", "s.toml:3:8", "must be a whole number", "1 to 4"},
    {"no CPU", "name = \"a\"\n[machine]\ncpus = 0\n", "s.toml:3:8", "`cpus`", "allowed: 1 to 4"},
    {"too many CPUs", "name = \"a\"\n[machine]\ncpus = 5\n", "s.toml:3:8", "`cpus`", "allowed: 1 to 4"},
    {"negative", "name = \"a\"\n[environment]\noutside_holders = -1\n", "s.toml:3:19", "outside_holders",
     "allowed: 0 to 4"},
    {"number instead of truth", "name = \"a\"\n[machine]\nbalance = 1\n", "s.toml:3:11",
     "`balance` must be true or false", "allowed: true, false"},
    {"wrong ending", "name = \"a\"\n[init]\nending = \"abort\"\n", "s.toml:3:10",
     "`ending` cannot be `abort`", "allowed: exit_group, exit, sigkill, core_dump"},
    {"ending of the wrong type", "name = \"a\"\n[init]\nending = 1\n", "s.toml:3:10",
     "`ending` must be a text", "allowed: exit_group, exit, sigkill, core_dump"},
    {"workers no list", "name = \"a\"\n[init.io_uring]\nworkers = 2\n", "s.toml:3:11",
     "`workers` must be a list", "[\"idle\", \"reading\"]"},
    {"an orphan of nobody", "name = \"a\"\n[child]\norphan = \"b\"\n", "s.toml:2:1",
     "an `orphan` needs a parent", "add `child`"},
    {"links no list", "name = \"a\"\n[init.io_uring]\nlinks = 1\n", "s.toml:3:9", "`links` must be a list",
     "[\"hashed\"]"},
    {"too many links",
     "name = \"a\"\n[init.io_uring]\nworkers = [\"writing\"]\nlinks = [\"hashed\", \"hashed\", \"bounded\", "
     "\"bounded\"]\n",
     "s.toml:1:1", "more `links` than the model holds", "at most 3"},
    {"a link on nothing", "name = \"a\"\n[init.io_uring]\nworkers = [\"idle\"]\nlinks = [\"hashed\"]\n",
     "s.toml:1:1", "`links` hang on a request that a worker executes", "reading, about-to-read or writing"},
    {"a hash held twice",
     "name = \"a\"\n[init.io_uring]\nworkers = [\"writing\"]\nhash_held_outside = true\n", "s.toml:1:1",
     "a hash is held by one worker only", "take out"},
    {"a chain in nobody's hands", "name = \"a\"\n[init.io_uring]\nchain = 2\n", "s.toml:1:1",
     "`chain` is in the hands of a worker that is `writing`", "add one to `workers`"},
    {"a hash that nobody outside holds", "name = \"a\"\n[environment]\nhash_release = true\n", "s.toml:1:1",
     "`hash_release` needs `hash_held_outside`", "[init.io_uring]"},
    {"wrong worker", "name = \"a\"\n[init.io_uring]\nworkers = [\"idle\", \"busy\"]\n", "s.toml:3:20",
     "`workers` cannot be `busy`", "allowed: idle, created, reading, about-to-read, dumping, writing"},
    {"section is no table", "name = \"a\"\ninit = 1\n", "s.toml:2:8", "`init` must be a table", ""},
    {"expect is no list", "name = \"a\"\n[expect]\nkernel = \"v6.1.192\"\n", "s.toml:2:1",
     "`expect` must be a list of tables", "write [[expect]]"},
    {"wrong kernel", "name = \"a\"\n[[expect]]\nkernel = \"v4\"\nverdict = \"proved\"\n", "s.toml:3:10",
     "`kernel` cannot be `v4`", "v5.15.160"},
    {"wrong verdict", "name = \"a\"\n[[expect]]\nkernel = \"v6.1.192\"\nverdict = \"fine\"\n", "s.toml:4:11",
     "`verdict` cannot be `fine`", "allowed: lockup, busy-wait, proved"},
    {"expect without verdict", "name = \"a\"\n[[expect]]\nkernel = \"v6.1.192\"\n", "s.toml:2:1",
     "needs `kernel` and `verdict`", ""},
    {"no name", "[machine]\ncpus = 2\n", "s.toml:1:1", "`name` is missing", "name = "},
    {"too many tasks",
     "name = \"a\"\n[init.io_uring]\nworkers = "
     "[\"idle\",\"idle\",\"idle\"]\n[child]\n[containers]\nlike_this = 3\n",
     "s.toml:1:1", "16 tasks are more than the model holds", "at most 13"},
    {"too many containers", "name = \"a\"\n[containers]\nlike_this = 3\n[bystander]\ncount = 2\n",
     "s.toml:1:1", "5 containers are more than the model holds", "at most 4"},
    {"one of many injected", "name = \"a\"\n[containers]\nlike_this = 2\n[injected]\n", "s.toml:1:1",
     "exist in one container only", "use [bystander]"},
    {"unknown key of a bystander", "name = \"a\"\n[bystander]\nworkers = 2\n", "s.toml:3:1",
     "unknown key `workers` in [bystander]", "allowed: count, comm, child, ending, nested"},
    {"a thread that lives on", "name = \"a\"\n[init]\nending = \"exit\"\n[init.io_uring]\nin_thread = true\n",
     "s.toml:1:1", "ends only the leader", "use exit_group"},
    {"a letter that toml++ cannot take", "name = \"a\"\n \xcb\xaa", "s.toml:2:2", "outside ASCII",
     "in ASCII"},
    {"a table without a name, which toml++ does not refuse", "name = \"a\"\n [ = \"none\"\n", "s.toml",
     "has no name", "must be TOML"},
    {"broken TOML", "name = \"a\n", "s.toml:1:", "", "the file must be TOML"},
    {"a key twice", "name = \"a\"\nname = \"b\"\n", "s.toml:2:", "", "the file must be TOML"},
};

TEST(ScenarioParsing, AWrongFileIsNamedWithPlaceAndAllowedValues) {
  for (const Wrong& wrong : k_wrong) {
    SCOPED_TRACE(wrong.what);
    const auto scenario = parse_scenario(wrong.text, "s.toml");
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
}

TEST(ScenarioParsing, EveryKeyArrives) {
  const auto s = parse_scenario(R"(
name = "all"
summary = "one line"
story = "more"
[machine]
cpus = 3
balance = false
[init]
comm = "boss"
ending = "sigkill"
[init.io_uring]
in_thread = true
workers = ["idle", "reading", "about-to-read"]
bounded = 1
unbounded = 2
armed_request = true
shared_outside = true
[child]
comm = "kid"
sqpoll = true
[environment]
outside_holders = 4
cgroup_migrations = 3
idle_timeouts = false
[[expect]]
kernel = "v5.15.160"
preempt = "full"
verdict = "busy-wait"
)",
                                "s.toml");
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(s->name, "all");
  EXPECT_EQ(s->summary, "one line");
  EXPECT_EQ(s->story, "more");
  EXPECT_EQ(s->cpus, 3);
  EXPECT_FALSE(s->balance);
  EXPECT_EQ(s->init_comm, "boss");
  EXPECT_EQ(s->ending, Ending::sigkill);
  EXPECT_TRUE(s->ring && s->in_thread && s->armed_request && s->shared_outside);
  EXPECT_EQ(s->workers, (std::vector{WorkerStart::idle, WorkerStart::reading, WorkerStart::about_to_read}));
  EXPECT_EQ(s->bounded, 1);
  EXPECT_EQ(s->unbounded, 2);
  EXPECT_TRUE(s->child && s->child_sqpoll);
  EXPECT_EQ(s->child_comm, "kid");
  EXPECT_EQ(s->outside_holders, 4);
  EXPECT_EQ(s->cgroup_migrations, 3);
  EXPECT_FALSE(s->idle_timeouts);
  ASSERT_EQ(s->expectations.size(), 1U);
  EXPECT_EQ(s->expectations[0].kernel, "v5.15.160");
  EXPECT_EQ(s->expectations[0].preempt, "full");
  EXPECT_EQ(s->expectations[0].verdict, "busy-wait");
}

TEST(ScenarioParsing, WhatIsLeftOutHasItsDefault) {
  const auto s = parse_scenario("name = \"a\"\n", "s.toml");
  ASSERT_TRUE(s) << s.error().text();
  EXPECT_EQ(s->cpus, 2);
  EXPECT_TRUE(s->balance);
  EXPECT_TRUE(s->idle_timeouts);
  EXPECT_EQ(s->ending, Ending::exit_group);
  EXPECT_FALSE(s->ring || s->child);
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
