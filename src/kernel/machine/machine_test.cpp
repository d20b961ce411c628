// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/machine.hpp"

#include <cstring>

#include "kernel/machine/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

TEST(Machine, BeginsBeforeInitDies) {
  Driver d(with_workers({WorkerStart::idle, WorkerStart::reading}), k_kernel);
  EXPECT_EQ(d.s.current[0], d.leader());
  EXPECT_EQ(d.s.current[1], k_no_task);
  EXPECT_EQ(d.s.pid_ns[0].child_reaper, d.leader());
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 4);
  EXPECT_EQ(d[d.child()].parent, d.leader());
  EXPECT_EQ(d[d.leader()].parent, k_outside);
  for (const TaskNo no : {d.worker(0), d.worker(1), d.child(), d.kworker()}) EXPECT_TRUE(d.asleep(no));
  EXPECT_FALSE(d.machine.is_goal(d.s));
}

TEST(Machine, AWorkerAboutToReadIsRunnable) {
  Driver d(with_workers({WorkerStart::about_to_read}), k_kernel);
  EXPECT_TRUE(d.offers({Event::pick, 1, d.worker()}));
}

TEST(Machine, WithoutBalancingAWorkerAboutToReadIsStillToBePlacedOnAnyCpu) {
  Scenario scenario = with_workers({WorkerStart::about_to_read});
  scenario.balance = false;
  Driver d(scenario, k_kernel);
  EXPECT_TRUE(d.offers({Event::place, 0, d.worker()}));
  EXPECT_TRUE(d.offers({Event::place, 1, d.worker()}));
  EXPECT_FALSE(d.offers(Event::pick, d.worker()));
}

TEST(Machine, TasksAreNamedAsTheKernelNamesThem) {
  Scenario scenario = with_workers({WorkerStart::idle});
  add_sqpoll_thread(scenario.processes[1]);
  own_ring_in_thread(scenario);
  Driver d(scenario, k_kernel);
  const TaskNo thread = d.find("init/2");
  EXPECT_EQ(d.config().tasks[d.worker()].comm, "iou-wrk-" + std::to_string(d.config().tasks[thread].tid));
  EXPECT_EQ(d.config().tasks[static_cast<std::size_t>(d.child()) + 1].comm,
            "iou-sqp-" + std::to_string(d.config().tasks[d.child()].tid));
  EXPECT_EQ(d.config().tasks[d.leader()].ns_tid, 1);
}

TEST(Machine, EachContainerHasItsOwnTasksAndNamespaces) {
  Scenario scenario = with_workers({WorkerStart::idle});
  scenario.containers[0].count = 2;
  add_containers(scenario, "bystander");
  add_process(scenario, "worker");
  Driver d(scenario, k_kernel);
  ASSERT_EQ(d.config().containers.size(), 3U);
  for (const std::size_t no : {0U, 1U}) {
    EXPECT_EQ(d.s.pid_ns[no].child_reaper, d.config().containers[no].leader);
    EXPECT_EQ(d.s.pid_ns[no].pid_allocated, 3) << "leader, worker, child";
    EXPECT_EQ(d.s.mnt_ns[no].nsproxy_refs, 3);
    EXPECT_EQ(d.s.wqs[no].worker_refs, 2);
  }
  EXPECT_EQ(d.s.pid_ns[2].pid_allocated, 2) << "an init and its child, without a ring";
  const TaskNo second = d.find("init#2"), third = d.find("bystander");
  EXPECT_EQ(d[d.find("child#2")].parent, second);
  EXPECT_EQ(d[d.find("worker")].parent, third);
  EXPECT_EQ(d.config().tasks[second].ns_tid, 1);
  EXPECT_NE(d.config().tasks[second].process, d.config().tasks[d.leader()].process);
  EXPECT_TRUE(d.offers({Event::pick, 1, second})) << "it may begin to end at any time";
  EXPECT_TRUE(d.offers({Event::pick, 1, third}));
}

TEST(Machine, AllContainersMustBeGone) {
  Scenario scenario = plain();
  add_containers(scenario, "bystander");
  Driver d(scenario, k_kernel);
  for (const TaskNo no : {d.leader(), d.child(), d.find("bystander")}) {
    EXPECT_FALSE(d.machine.is_goal(d.s));
    d[no].exit_state = ExitState::released;
    d[no].run_state = RunState::dead;
  }
  d.s.mnt_ns[0].gone = 1;
  EXPECT_FALSE(d.machine.is_goal(d.s)) << "a mount namespace is left";
  d.s.mnt_ns[1].gone = 1;
  EXPECT_TRUE(d.machine.is_goal(d.s));
}

TEST(Machine, TheKillWalkStaysInItsNamespace) {
  Scenario scenario = plain();
  add_containers(scenario, "bystander");
  scenario.processes.back().ends = Ending::sigkill;
  add_process(scenario, "worker");
  Driver d(scenario, k_kernel);
  d.until_takes(d.leader(), ZapPidNsProcesses::kill_processes);
  EXPECT_TRUE(d.asleep(d.find("worker")));
  EXPECT_FALSE(d.sigpending(d.find("worker")));
  EXPECT_TRUE(d.offers(Environment::kill, d.find("bystander"))) << "SIGKILL to an init names that init";
  EXPECT_FALSE(d.offers(Environment::kill, d.leader()));
}

TEST(Machine, EverythingGoneIsTheGoal) {
  Driver d(plain(), k_kernel);
  d.until_off(d.leader());
  d.until_off(d.child(), 1);
  d.until_off(d.kworker());
  d.until_off(d.child());
  EXPECT_FALSE(d.machine.is_goal(d.s));
  d.until_off(d.leader());
  d.fire(Environment::reap);
  EXPECT_TRUE(d.machine.is_goal(d.s));
  EXPECT_EQ(d.s.pid_ns[0].pid_allocated, 0);
  EXPECT_EQ(d.s.mnt_ns[0].gone, 1);
  EXPECT_EQ(d.machine.witnesses(d.s) & 8U, 8U);
}

TEST(Machine, AskedTwiceItAnswersTheSame) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  for (int i = 0; i < 6; ++i) d.step(d.leader());
  std::vector<std::pair<Action, State>> first, second;
  const auto collect = [&](auto& into) {
    d.machine.for_each_successor(
        d.s, [&](const Action& a, const State& s, explorer::Label) { into.emplace_back(a, s); });
  };
  collect(first);
  collect(second);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_EQ(std::memcmp(&first[i].second, &second[i].second, sizeof(State)), 0);
  }
}

TEST(Machine, AMoveIsBusyAsLongAsTheTaskCanGoOn) {
  Driver d(plain(), k_kernel);
  const auto label_of = [&](Event event) {
    explorer::Label found;
    d.machine.for_each_successor(d.s, [&](const Action& a, const State&, explorer::Label label) {
      if (a.event == event) found = label;
    });
    return found;
  };
  EXPECT_EQ(label_of(Event::run), (explorer::Label{d.leader(), true}));
  d.until_at(d.leader(), DoWait::schedule);
  EXPECT_EQ(label_of(Event::run), (explorer::Label{d.leader(), false})) << "the next step sleeps";
  EXPECT_EQ(label_of(Event::pick), (explorer::Label{d.child(), true})) << "the task that is put on can move";
}

TEST(Machine, DescribingAnActionChangesNothingAndNamesFunctionAndFile) {
  Driver d(plain(), k_kernel);
  const State before = d.s;
  const Description words = d.machine.describe(d.s, {Event::run, 0, d.leader()});
  EXPECT_EQ(std::memcmp(&before, &d.s, sizeof(State)), 0);
  EXPECT_EQ(words.actor, "init");
  EXPECT_EQ(words.function, "exit_group");
  EXPECT_EQ(words.file, "kernel/exit.c");
  EXPECT_FALSE(words.text.empty());
}

TEST(Machine, TheFlagCountsAsAWitnessOnlyWhileTheReaperSeesIt) {
  for (const auto& [kernel, counts] : {std::pair{k_kernel, true}, std::pair{"v6.1.192", false}}) {
    Driver d(plain(), kernel);
    d.until_takes(d.leader(), ZapPidNsProcesses::wait_for_children);
    d[d.leader()].tif = k_tif_notify_signal;
    EXPECT_EQ((d.machine.witnesses(d.s) & 1U) != 0, counts) << kernel;
  }
}

TEST(Machine, ABacktraceIsPrintedInnermostFirst) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  d.until_off(d.leader());
  const auto frames = backtrace(d.config(), d[d.leader()]);
  EXPECT_EQ(frames.front(), "io_wq_put_and_exit");
  EXPECT_EQ(frames.back(), "entry_SYSCALL_64_after_hwframe");
  EXPECT_TRUE(backtrace(d.config(), Task{}).empty());
}

TEST(Machine, TheInterruptDoesNotArriveInTheMiddleOfAContextSwitch) {
  Driver d(plain(), k_kernel);
  d.s.rcu.mask = d.s.rcu.ipi = 2;
  EXPECT_TRUE(d.offers({Event::ipi, 1, k_no_task}));
  wake_up(d.s, d.child(), k_wake_normal);
  EXPECT_FALSE(d.offers(Event::ipi)) << "CPU 1 is about to take the child";
  d.act({Event::pick, 1, d.child()});
  EXPECT_TRUE(d.offers({Event::ipi, 1, d.child()}));
}

}  // namespace
}  // namespace unzap::kernel
