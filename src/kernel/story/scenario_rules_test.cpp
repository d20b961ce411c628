// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario_rules.hpp"

#include <gtest/gtest.h>

#include "kernel/machine/state.hpp"
#include "kernel/story/test_cast.hpp"

namespace unzap::kernel {
namespace {

/// A change of an init and its child that makes no scenario of them, and what is said of it.
struct Wrong {
  const char* what;
  void (*change)(Scenario&);
  const char* message;
  const char* remedy;
};

void give_workers(Scenario& s, std::size_t number) {
  ring_of(s).workers.assign(number, WorkerStart::idle);
}

const Wrong k_wrong[] = {
    {"no name", [](Scenario& s) { s.name.clear(); }, "`name` is missing", "name = "},
    {"too many tasks", [](Scenario& s) { give_workers(s, 11); }, "14 tasks are more than the model holds",
     "at most 13"},
    {"tasks of several containers",
     [](Scenario& s) {
       give_workers(s, 3);
       s.containers[0].count = 3;
     },
     "16 tasks are more than the model holds", "at most 13"},
    {"too many processes",
     [](Scenario& s) {
       for (int i = 0; i < 9; ++i) add_process(s, "p" + std::to_string(i));
     },
     "11 processes are more than the model holds", "at most 10"},
    {"too many io_wqs",
     [](Scenario& s) {
       for (int i = 0; i < 5; ++i) add_process(s, "p" + std::to_string(i)).ring.emplace();
     },
     "5 io_wqs are more than the model holds", "at most 4"},
    {"too many containers",
     [](Scenario& s) {
       s.containers[0].count = 3;
       add_containers(s, "web", 2);
     },
     "5 containers are more than the model holds", "at most 4"},
    {"a container without a process", [](Scenario& s) { s.containers.push_back({.name = "web"}); },
     "no process is in the container `web`", "add a [[process]]"},
    {"a container inside itself", [](Scenario& s) { s.containers[0].inside = 0; }, "lies inside itself",
     "change `inside`"},
    {"containers inside each other",
     [](Scenario& s) {
       add_containers(s, "web");
       s.containers[0].inside = 1;
       s.containers[1].inside = 0;
     },
     "lies inside itself", "change `inside`"},
    {"a container inside one of several",
     [](Scenario& s) {
       add_containers(s, "web", 2);
       s.containers[0].inside = 1;
     },
     "one of 2 containers that are alike", "no `count`"},
    {"an init that is dead", [](Scenario& s) { s.processes[0].starts = ProcessStart::zombie; },
     "its init, and has to be alive", "take out `starts`"},
    {"an init whose parent is elsewhere", [](Scenario& s) { add_containers(s, "web").parent = 0; },
     "a process of the container around its own", "`inside`"},
    {"an init that leaves a thread behind",
     [](Scenario& s) {
       s.processes[0].ends = Ending::exit;
       s.processes[0].threads.push_back({.name = "t"});
     },
     "a thread of init would live on", "use exit_group"},
    {"a child before its parent", [](Scenario& s) { s.processes[1].parent = 1; },
     "`child` comes before its parent", "put the parent first"},
    {"a parent in another container",
     [](Scenario& s) {
       add_containers(s, "web");
       add_process(s, "b").parent = 0;
     },
     "a container that does not enclose its own", "or `outside`"},
    {"a zombie with a ring",
     [](Scenario& s) {
       s.processes[1].starts = ProcessStart::zombie;
       s.processes[1].ring.emplace();
     },
     "has nothing but a name and a parent", "take out `starts`"},
    {"a frozen process that exits",
     [](Scenario& s) {
       s.processes[1].frozen = Freezer::v1;
       s.processes[1].ends = Ending::exit_group;
     },
     "a frozen process cannot end by itself", "sigkill"},
    {"FUSE in several containers",
     [](Scenario& s) {
       s.processes[1].fuse_file = true;
       s.containers[0].count = 2;
     },
     "exist in one container only", "no `count`"},
    {"too many links",
     [](Scenario& s) {
       ring_of(s).workers = {WorkerStart::writing};
       ring_of(s).links.assign(4, Link::hashed);
     },
     "more `links` than the model holds", "at most 3"},
    {"a link on nothing",
     [](Scenario& s) {
       give_workers(s, 1);
       ring_of(s).links = {Link::hashed};
     },
     "`links` hang on a request that a worker executes", "reading, about-to-read or writing"},
    {"a hash held twice",
     [](Scenario& s) {
       ring_of(s).workers = {WorkerStart::writing};
       ring_of(s).hash_held_outside = true;
     },
     "a hash is held by one worker only", "take out"},
    {"a chain in nobody's hands", [](Scenario& s) { ring_of(s).chain = 2; },
     "`chain` is in the hands of a worker that is `writing`", "add one to `workers`"},
    {"a worker that nobody asks for", [](Scenario& s) { ring_of(s).may_create = 1; },
     "a worker is made when another one asks for it", "add `workers`"},
    {"two owners of the workers",
     [](Scenario& s) {
       own_ring_in_thread(s);
       ring_of(s).sqpoll = true;
     },
     "both name the owner of the workers", "take one"},
    {"workers of an io_wq that is left out",
     [](Scenario& s) {
       add_sqpoll_thread(s.processes[1]);
       s.processes[1].ring->workers = {WorkerStart::idle};
     },
     "with nothing to do", "take it out"},
    {"a fork of nobody", [](Scenario& s) { s.outside.act = OutsideAct::fork; },
     "needs one process that starts `unborn`", "both or neither"},
    {"an unborn child of init",
     [](Scenario& s) {
       s.outside.act = OutsideAct::fork;
       s.processes[1].starts = ProcessStart::unborn;
     },
     "only the task outside forks", "`parent = \"outside\"`"},
    {"a cgroup of several",
     [](Scenario& s) {
       s.outside.act = OutsideAct::rmdir;
       s.containers[0].count = 2;
     },
     "the first container, one alone", "no `count`"},
    {"a hash that nobody outside holds", [](Scenario& s) { s.environment.hash_release = true; },
     "`hash_release` needs `hash_held_outside`", "`io_uring`"},
};

TEST(ScenarioRules, WhatDoesNotGoTogetherIsRefusedWithARemedy) {
  for (const Wrong& wrong : k_wrong) {
    SCOPED_TRACE(wrong.what);
    Scenario s = init_and_child("init", "child");
    wrong.change(s);
    const auto objection = objection_to(s);
    if (!objection) {
      ADD_FAILURE() << "was taken for a scenario";
      continue;
    }
    EXPECT_NE(objection->message.find(wrong.message), std::string::npos) << objection->message;
    EXPECT_NE(objection->remedy.find(wrong.remedy), std::string::npos) << objection->remedy;
  }
}

TEST(ScenarioRules, AnInitAndItsChildAreAScenario) {
  EXPECT_FALSE(objection_to(init_and_child("init", "child")));
}

TEST(ScenarioRules, AsManyTasksAsTheModelHoldsAreTaken) {
  Scenario s = init_and_child("init", "child");
  give_workers(s, k_max_tasks - 3);  // init, its child, the kworker
  EXPECT_FALSE(objection_to(s));
}

TEST(ScenarioRules, TheObjectionStandsWhereTheExcessBegins) {
  const auto s = parse_scenario(
      "name = \"a\"\n[[process]]\nname = \"b\"\n[[process]]\nname = \"c\"\nio_uring = { workers = [\"idle\", "
      "\"idle\", "
      "\"idle\", \"idle\", \"idle\", \"idle\", \"idle\", \"idle\", \"idle\", \"idle\", \"idle\"] }\n"
      "[[process]]\nname = \"d\"\n",
      "s.toml");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().place, "s.toml:4:1");
  EXPECT_EQ(s.error().message, "15 tasks are more than the model holds");
}

}  // namespace
}  // namespace unzap::kernel
